"""`manage.py downman WHAT`: what is at work, what waits, what went wrong, and what to do about it."""

import os
import shutil
import sys
import textwrap
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections

from downman.domain.errors import DownmanError
from downman.prefect_api import PrefectUnavailable
from downman_ops.commands import Command as What
from downman_ops.commands import ExitStatus, Report
from downman_ops.registry import COMMANDS
from downman_ops.rendering import as_json, as_text

#: What a terminal is told: go to the upper left corner; clear what is left of a line; and what is below (ECMA-48).
CORNER, REST_OF_LINE, BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


class ReportUnavailable(Exception):
    """There is no report; its text says why, and what to do."""

    def __init__(self, why: str, status: ExitStatus) -> None:
        """Keep the exit status for it."""
        super().__init__(why)
        self.status = status


class Command(BaseCommand):
    """The command, as Django runs it."""

    help = "Shows and steers what downman does. Exit status: 0 well, 1 something is wrong, 3 Prefect does not answer."
    # It is to say what is wrong, not to fail because of it.
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare one word for each command."""
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
        """Run the one that was asked for."""
        command = COMMANDS[options["what"]]
        try:
            if options.get("watch") is None:
                sys.exit(self._show(command, options))
            self._watch(command, options)
        except BrokenPipeError:
            # Who reads it has read enough, such as `head`. Nothing is left to be written at the end of the process.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(ExitStatus.OK)

    def _watch(self, command: What, options: Mapping[str, Any]) -> None:
        on_screen = self.stdout.isatty() and not options["json"]
        try:
            while True:
                # One that was lost is not used again.
                close_old_connections()
                if on_screen:
                    self._draw(command, options)
                else:
                    self._show(command, options)
                time.sleep(max(options["watch"], 0.1))
        except KeyboardInterrupt:
            sys.exit(ExitStatus.OK)

    def _draw(self, command: What, options: Mapping[str, Any]) -> None:
        """Write over what was drawn before, so that nothing flickers, and no more than the terminal holds."""
        columns, height = shutil.get_terminal_size()
        try:
            text = as_text(_report(command, options), width=columns)
        except ReportUnavailable as exc:
            text = textwrap.fill(str(exc), columns)
        now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        lines = [
            f"downman {command.name} at {now}, every {options['watch']:g} s; Ctrl-C ends it.",
            "",
            *text.split("\n"),
        ]
        if len(lines) >= height:
            lines = [*lines[: height - 2], "(There is more than this terminal has lines.)"]
        self.stdout.write(CORNER + "".join(f"{line[:columns]}{REST_OF_LINE}\n" for line in lines) + BELOW, ending="")
        self.stdout.flush()

    def _show(self, command: What, options: Mapping[str, Any]) -> ExitStatus:
        try:
            report = _report(command, options)
        except ReportUnavailable as exc:
            self.stderr.write(str(exc))
            return exc.status
        width = shutil.get_terminal_size().columns if self.stdout.isatty() else None
        self.stdout.write(as_json(report) if options["json"] else as_text(report, width=width))
        self.stdout.flush()
        return report.status


def _report(command: What, options: Mapping[str, Any]) -> Report:
    """Run a command. Raises `ReportUnavailable`."""
    try:
        return command.run(options)
    except PrefectUnavailable as exc:
        why = (
            f"Prefect's server does not answer ({exc}). Orders are kept and go on when it is back; see "
            "that it runs and that PREFECT_API_URL and PREFECT_API_AUTH_STRING are its own."
        )
        raise ReportUnavailable(why, ExitStatus.PREFECT_AWAY) from exc
    except (OperationalError, InterfaceError) as exc:
        said = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
        why = (
            f"The database cannot be used: {said}. See that PostgreSQL runs, and that DATABASES names it, its user and "
            "password; `downman doctor` looks at all of it."
        )
        raise ReportUnavailable(why, ExitStatus.WRONG) from exc
    except (DownmanError, CommandError) as exc:
        raise ReportUnavailable(str(exc), ExitStatus.WRONG) from exc
