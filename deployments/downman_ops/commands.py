"""What every command is made of: its name, its options, and a report for people and for scripts."""

from argparse import ArgumentParser
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class ExitStatus(IntEnum):
    """How a command ends, for scripts and monitoring."""

    OK = 0  #: It did what it was to do, and found nothing wrong.
    WRONG = 1  #: Something is wrong, or could not be done; the report, or the sentence, says what.
    USAGE = 2  #: The command line was not understood.
    PREFECT_AWAY = 3  #: Prefect's server does not answer, so nothing can be reported.


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: `rows` hold the values as they are (numbers, times, words), in the order of `columns`.

    For people it is written in columns, with `title` above and `note` (what was left out, what to do) below. For
    scripts each row is an object: `{name: [{column: value, ...}, ...]}`; times are ISO 8601, sizes bytes, durations
    seconds.
    """

    #: Its key in JSON.
    name: str
    title: str
    #: Key in JSON -> heading for people.
    columns: Mapping[str, str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    #: Keys of columns that are for scripts only.
    only_json: Collection[str] = ()


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of a command."""

    tables: Sequence[Table] = ()
    #: Sentences of what was done, for commands that do something.
    done: Sequence[str] = ()
    status: ExitStatus = ExitStatus.OK


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command after `downman`.

    `run` gets the options of the command line and gives the report. It may raise `PrefectUnavailable` (exit status 3),
    a `DownmanError` (exit status 1, its sentence) or Django's `CommandError`.
    """

    name: str
    #: One sentence, for `downman --help`.
    help: str
    #: What its own `--help` says besides.
    description: str = ""
    run: Callable[[Mapping[str, Any]], Report]
    add_arguments: Callable[[ArgumentParser], None] = field(default=lambda _parser: None)
    #: Whether `--watch` may repeat it: it changes nothing.
    repeatable: bool = True
