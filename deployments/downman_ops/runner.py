"""Runs one command: its options, its report at the terminal or for a script, once or again and again."""

import shutil
import textwrap
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, close_old_connections

from downman.domain.errors import DownmanError
from downman.extras import what_to_install
from downman.prefect_api import PrefectUnavailable
from downman_ops.commands import Command, ExitStatus, Report
from downman_ops.launch.demo_environment import START_DEMO, find_stopped_demo
from downman_ops.rendering import Output, as_json, as_shown, as_text

#: What a terminal is told: go to the upper left corner; clear what is left of a line; and what is below (ECMA-48).
CORNER, REST_OF_LINE, BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


class ReportUnavailable(Exception):
    """There is no report; its text says why, and what to do."""

    def __init__(self, why: str, status: ExitStatus) -> None:
        """Keep the exit status for it."""
        super().__init__(why)
        self.status = status


def add_options(parser: ArgumentParser, command: Command) -> None:
    """Declare a command's own options, and those that all have."""
    parser.add_argument("--json", action="store_true", help="one JSON object for scripts")
    if command.repeatable:
        parser.add_argument(
            "--watch",
            type=float,
            nargs="?",
            const=2.0,
            metavar="SECONDS",
            help="show it again every so many seconds (2), until Ctrl-C",
        )
    command.add_arguments(parser)


def run(command: Command, options: Mapping[str, Any], *, out: Output, err: Output) -> ExitStatus:
    """Run a command and return its exit status."""
    if options.get("watch") is None:
        return _show(command, options, out, err)
    return _watch(command, options, out, err)


def _watch(command: Command, options: Mapping[str, Any], out: Output, err: Output) -> ExitStatus:
    on_screen = out.isatty() and not options["json"]
    try:
        while True:
            # One that was lost is not used again.
            close_old_connections()
            if on_screen:
                _draw(command, options, out)
            else:
                _show(command, options, out, err)
            time.sleep(max(options["watch"], 0.1))
    except KeyboardInterrupt:
        return ExitStatus.OK


def _draw(command: Command, options: Mapping[str, Any], out: Output) -> None:
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
    out.write(CORNER + f"{REST_OF_LINE}\n".join(line[:columns] for line in lines) + f"{REST_OF_LINE}{BELOW}\n")
    out.flush()


def _show(command: Command, options: Mapping[str, Any], out: Output, err: Output) -> ExitStatus:
    try:
        report = _report(command, options)
    except ReportUnavailable as exc:
        err.write(f"{exc}\n")
        return exc.status
    out.write((as_json(report) if options["json"] else as_shown(report, out)) + "\n")
    out.flush()
    return report.status


def _report(command: Command, options: Mapping[str, Any]) -> Report:
    """Run a command. Raises `ReportUnavailable`."""
    try:
        return command.run(options)
    except PrefectUnavailable as exc:
        why = (
            f"Prefect's server does not answer ({exc}). Orders are kept and continue when it is back; see "
            "that it runs and that PREFECT_API_URL and PREFECT_API_AUTH_STRING are its own."
        )
        raise ReportUnavailable(_explain_stopped_demo() or why, ExitStatus.PREFECT_AWAY) from exc
    except (OperationalError, InterfaceError) as exc:
        said = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
        why = (
            f"The database cannot be used: {said}. See that PostgreSQL runs, and that DATABASES names it, its user and "
            "password; `downman doctor` checks all of it."
        )
        raise ReportUnavailable(_explain_stopped_demo() or why, ExitStatus.WRONG) from exc
    except ImproperlyConfigured as exc:
        raise ReportUnavailable(f"The site's settings cannot be used: {exc}", ExitStatus.WRONG) from exc
    except (DownmanError, CommandError) as exc:
        raise ReportUnavailable(str(exc), ExitStatus.WRONG) from exc
    except ModuleNotFoundError as exc:
        raise ReportUnavailable(what_to_install(exc), ExitStatus.WRONG) from exc


def _explain_stopped_demo() -> str:
    home = find_stopped_demo()
    return f"The demo in {home.root} is not running. {START_DEMO}" if home is not None else ""
