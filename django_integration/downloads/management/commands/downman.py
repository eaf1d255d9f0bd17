"""`manage.py downman WHAT`: what is at work, what waits, what went wrong, and what to do about it."""

import shutil
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_integration.domain.errors import DownmanError
from django_integration.downloads.monitoring.commands import Command as What
from django_integration.downloads.monitoring.commands import ExitStatus, Report
from django_integration.downloads.monitoring.registry import COMMANDS
from django_integration.downloads.monitoring.rendering import as_json, as_text
from django_integration.downloads.prefect_api import PrefectAway

#: Clears a terminal and goes to its upper left corner (ECMA-48: ED, CUP).
CLEAR = "\x1b[2J\x1b[H"


class Command(BaseCommand):
    help = "Shows and steers what downman does. Exit status: 0 well, 1 something is wrong, 3 Prefect does not answer."
    # It is to say what is wrong, not to fail because of it.
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        words = parser.add_subparsers(dest="what", metavar="WHAT", required=True, parser_class=CommandParser)
        for command in COMMANDS.values():
            word = words.add_parser(command.name, help=command.help, description=command.help)
            word.add_argument("--json", action="store_true", help="one JSON object for scripts")
            if command.repeatable:
                word.add_argument(
                    "--watch",
                    type=float,
                    nargs="?",
                    const=2.0,
                    metavar="SECONDS",
                    help="show it again every so many seconds (2), until Ctrl-C",
                )
            command.add_arguments(word)

    def handle(self, *_args: Any, **options: Any) -> None:
        command = COMMANDS[options["what"]]
        if options.get("watch") is None:
            sys.exit(self._show(command, options))
        try:
            while True:
                self._show(command, options, before=CLEAR if self.stdout.isatty() else "")
                time.sleep(max(options["watch"], 0.1))
        except KeyboardInterrupt:
            sys.exit(ExitStatus.OK)

    def _show(self, command: What, options: dict[str, Any], *, before: str = "") -> ExitStatus:
        try:
            report = command.run(options)
        except PrefectAway as exc:
            self.stderr.write(
                f"{before}Prefect's server does not answer ({exc}). Orders are kept and go on when it is back; see "
                "that it runs and that PREFECT_API_URL and PREFECT_API_AUTH_STRING are its own."
            )
            return ExitStatus.PREFECT_AWAY
        except (DownmanError, CommandError) as exc:
            self.stderr.write(f"{before}{exc}")
            return ExitStatus.WRONG
        self._write(before, report, in_json=options["json"])
        return report.status

    def _write(self, before: str, report: Report, *, in_json: bool) -> None:
        width = shutil.get_terminal_size().columns if self.stdout.isatty() else None
        self.stdout.write(before + (as_json(report) if in_json else as_text(report, width=width)))
        self.stdout.flush()
