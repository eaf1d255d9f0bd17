"""`manage.py downman COMMAND`: the door to the commands for operators, which stand above the site, in `downman_ops`."""

from argparse import REMAINDER
from importlib.metadata import entry_points
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from downman.extras import what_to_install


class _Missing(BaseCommand):
    help = "The commands for operators, which are not installed here."
    why = (
        "The commands for operators are not installed in this environment. Install all of downman: "
        "pip install 'downman[worker]'"
    )
    # What is missing is said here, not by checks that miss it as well.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs=REMAINDER)

    def handle(self, *_args: Any, **_options: Any) -> None:
        raise CommandError(self.why)


def _find() -> type[BaseCommand]:
    """Return what the distribution that is installed here brings, found without importing anything above the site."""
    for entry in entry_points(group="downman.operations", name="command"):
        try:
            found: type[BaseCommand] = entry.load()
        except ModuleNotFoundError as exc:
            return type("_Incomplete", (_Missing,), {"why": what_to_install(exc)})
        return found
    return _Missing


Command: type[BaseCommand] = _find()
