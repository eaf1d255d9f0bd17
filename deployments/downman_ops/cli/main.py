"""The console script `downman`: everything that an operator types."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from downman.extras import what_to_install
from downman_ops.cli import programs
from downman_ops.cli.overview import overview
from downman_ops.commands import Command, ExitStatus
from downman_ops.errors import ConfigurationError
from downman_ops.interruption import end_by_signal
from downman_ops.registry import COMMANDS


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    with end_by_signal():
        return _main(words)


def _main(words: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(sys.argv[1:] if words is None else list(words))
    if arguments.version:
        print(f"downman {metadata.version('downman')}")  # noqa: T201
        return ExitStatus.OK
    if arguments.help or arguments.command is None:
        print(overview())  # noqa: T201
        return ExitStatus.OK if arguments.help else ExitStatus.USAGE
    try:
        return _run(arguments.command, arguments.words, arguments.env_file)
    except ModuleNotFoundError as exc:
        extra = "demo" if arguments.command == "demo" else None
        print(f"downman: {what_to_install(exc, extra=extra)}", file=sys.stderr, flush=True)  # noqa: T201
        return ExitStatus.WRONG
    except ConfigurationError as exc:
        for line in str(exc).splitlines():
            print(f"downman: {line}", file=sys.stderr, flush=True)  # noqa: T201
        return ExitStatus.WRONG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="downman", add_help=False, usage="downman [--env-file FILE] COMMAND ...")
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--env-file", type=Path)
    parser.add_argument("command", nargs="?")
    # All that follows is the command's own, options too.
    parser.add_argument("words", nargs=argparse.REMAINDER)
    return parser


def _run(name: str, words: Sequence[str], env_file: Path | None) -> int:
    if name in programs.PROGRAMS:
        return programs.PROGRAMS[name].run(words, env_file)
    if name in COMMANDS:
        return _report(COMMANDS[name], words, env_file)
    print(f"downman: there is no command {name}; downman --help lists them.", file=sys.stderr)  # noqa: T201
    return ExitStatus.USAGE


def _report(command: Command, words: Sequence[str], env_file: Path | None) -> int:
    """Run a command of the registry against the chosen installation."""
    from downman_ops import runner  # noqa: PLC0415 - it loads Django, which `--help` does without

    parser = argparse.ArgumentParser(
        prog=f"downman {command.name}", description=f"{command.help} {command.description}".strip()
    )
    runner.add_options(parser, command)
    options = vars(parser.parse_args(words))
    from downman_ops.cli.installation import load_installation  # noqa: PLC0415 - only what acts on one needs it
    from downman_ops.launch.django_setup import set_django_up  # noqa: PLC0415 - as above

    load_installation(env_file, part="manage")
    set_django_up()
    from django.db import connections  # noqa: PLC0415 - Django is set up now

    try:
        return runner.run(command, options, out=sys.stdout, err=sys.stderr)
    finally:
        connections.close_all()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
