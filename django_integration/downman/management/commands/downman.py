"""`manage.py downman COMMAND`: the door to the commands for operators, which stand above the site, in `downman_ops`."""

from argparse import REMAINDER
from importlib.metadata import entry_points
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class _Missing(BaseCommand):
    help = "The commands for operators, which are not installed here."
    # What is missing is said here, not by checks that miss it as well.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs=REMAINDER)

    def handle(self, *_args: Any, **_options: Any) -> None:
        raise CommandError(
            "The commands for operators are not installed in this environment. Install all of downman: "
            "pip install downman"
        )


#: What the distribution that is installed here brings, found without importing anything above the site.
Command: type[BaseCommand] = next(
    (entry.load() for entry in entry_points(group="downman.operations", name="command")), _Missing
)
