"""`manage.py downman COMMAND`, as Django runs it; the console script `downman COMMAND` runs the same."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from downman_ops import runner
from downman_ops.interruption import end_by_signal
from downman_ops.registry import COMMANDS


class Command(BaseCommand):
    """All commands of the registry, a subcommand for each."""

    help = "Shows and steers what downman does. Exit status: 0 well, 1 something is wrong, 3 Prefect does not answer."
    # It is to say what is wrong, not to fail because of it.
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare a subcommand for each command."""
        commands = parser.add_subparsers(dest="what", metavar="COMMAND", required=True, parser_class=CommandParser)
        for command in COMMANDS.values():
            description = command.description or command.help
            subparser = commands.add_parser(command.name, help=command.help, description=description)
            runner.add_options(subparser, command)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the one that was asked for."""
        with end_by_signal():
            status = runner.run(COMMANDS[options["what"]], options, out=self.stdout, err=self.stderr)
        sys.exit(status)
