"""What `downman --help` says."""

import textwrap
from collections.abc import Iterable, Mapping

from downman_ops.cli.programs import PROGRAMS
from downman_ops.registry import ACT, LOOK

WIDTH = 80
_NAMES = 14
INTRODUCTION = """\
usage: downman [--env-file FILE] COMMAND ...

Runs, shows and steers downman, the download manager for data portals."""
END = """\
downman COMMAND --help says more of one command. Commands that show something
take --json (for scripts) and most of them --watch [SECONDS].

It acts on the installation that FILE (NAME=value lines) describes; else on the
site whose settings DJANGO_SETTINGS_MODULE, or manage.py in this folder, names;
else on the demo in DOWNMAN_HOME (.local). Exit status: 0 well, 1 something is
wrong, 2 not understood, 3 Prefect's server does not answer."""


def overview() -> str:
    """Return all commands in groups, each with a sentence."""
    groups: Mapping[str, Iterable[tuple[str, str]]] = {
        "Run it": ((name, program.help) for name, program in PROGRAMS.items() if not program.is_foreign),
        "Look": ((command.name, command.help) for command in LOOK),
        "Act": ((command.name, command.help) for command in ACT),
        "Django and Prefect": ((name, program.help) for name, program in PROGRAMS.items() if program.is_foreign),
    }
    parts = [INTRODUCTION]
    for title, commands in groups.items():
        parts.append("\n".join([f"{title}:", *(_line(name, text) for name, text in commands)]))
    return "\n\n".join([*parts, END])


def _line(name: str, text: str) -> str:
    indent = " " * (_NAMES + 2)
    return textwrap.fill(text, WIDTH, initial_indent=f"  {name:{_NAMES}}", subsequent_indent=indent)
