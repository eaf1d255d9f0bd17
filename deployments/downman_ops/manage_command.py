"""`manage.py downman WORD`, as Django runs it; the console script `downman WORD` runs the same."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from downman_ops import runner
from downman_ops.registry import COMMANDS


class Command(BaseCommand):
    """All commands of the registry, a word for each."""

    help = "Shows and steers what downman does. Exit status: 0 well, 1 something is wrong, 3 Prefect does not answer."
    # It is to say what is wrong, not to fail because of it.
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare one word for each command."""
        words = parser.add_subparsers(dest="what", metavar="WORD", required=True, parser_class=CommandParser)
        for command in COMMANDS.values():
            word = words.add_parser(command.name, help=command.help, description=command.description or command.help)
            runner.add_options(word, command)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the one that was asked for."""
        sys.exit(runner.run(COMMANDS[options["what"]], options, out=self.stdout, err=self.stderr))
