"""Confirmation before an action, and the name of who takes it."""

import getpass
import sys
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from downman.models import RequestEvent
from downman.services.transitions import administrator


def get_actor(options: Mapping[str, Any]) -> str:
    """Return the name that the history keeps. Raises `CommandError` where there is none."""
    name = options["actor"]
    try:
        actor = administrator(name or getpass.getuser())
    except (KeyError, OSError) as exc:
        raise CommandError("This login has no name. Name who does it: --as NAME.") from exc
    longest = RequestEvent._meta.get_field("actor").max_length  # noqa: SLF001 - Django's name for what everybody may use
    return actor[:longest]


def confirm(question: str, options: Mapping[str, Any]) -> None:
    """Ask the person at the terminal, unless `--yes` was said.

    Raises `CommandError` when the answer is not yes, and where nobody can answer.
    """
    if options["yes"]:
        return
    if not sys.stdin.isatty():
        raise CommandError("Nothing was done: nobody can be asked here. --yes does it without asking.")
    # Not with the report, which a script may read.
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CommandError("Nothing was done.")
