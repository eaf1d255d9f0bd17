"""Writes reports: tables for people, JSON for scripts."""

import json
import os
import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from io import StringIO
from types import NoneType
from typing import Any, Protocol

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from downman.domain.sizes import format_size
from downman_ops.commands import Report, Table

#: Spaces before a table, and between its columns.
INDENT, GAP = 2, 2
#: What is written for a value that is missing.
NOTHING = "-"
#: The fewest characters to which a column of words is narrowed.
NARROWEST = 12
#: Characters of an id that are shown where the whole does not fit. The last ones: the first ones are often a time.
SHORT_ID = 8
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: What is not broken between lines, though it has a space.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_SHORTENED = f"Of each id its last {SHORT_ID} characters; a wider terminal or --json shows all of it."
#: Words that catch the eye at a terminal.
_STYLES: Mapping[str, str] = {
    **dict.fromkeys(("wrong", "failed", "crashed", "offline", "Failed", "Crashed"), "red"),
    **dict.fromkeys(("warning", "retrying", "paused", "waiting_for_space", "missing"), "yellow"),
    **dict.fromkeys(("ok", "ready", "online", "sent", "delivered", "Running"), "green"),
}


class Output(Protocol):
    """What a report is written to: a stream, or Django's wrapper of one."""

    def write(self, text: str, /) -> object:
        """Write a text that ends with a line's end."""

    def flush(self) -> None:
        """Have all of it written."""

    def isatty(self) -> bool:
        """Return whether it is a terminal."""


def as_shown(report: Report, out: Output) -> str:
    """Write a report into the width of a terminal, or of COLUMNS; a file or a pipe gets lines as long as they are."""
    is_terminal = out.isatty()
    width = shutil.get_terminal_size().columns if is_terminal or "COLUMNS" in os.environ else None
    return as_text(report, width=width, styled=is_terminal and "NO_COLOR" not in os.environ)


def as_json(report: Report) -> str:
    """Write a report as one JSON object: a list of objects for each table, and `done`."""
    from django.core.serializers.json import DjangoJSONEncoder  # noqa: PLC0415 - not every report is for a script

    tables = {table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in report.tables}
    return json.dumps({**tables, **({"done": report.done} if report.done else {})}, cls=DjangoJSONEncoder)


def as_text(report: Report, *, width: int | None = None, styled: bool = False) -> str:
    """Write a report for people; into so many columns of a terminal, where they are known.

    No word is broken: a table that does not fit is narrowed, then its ids are shortened, then each row becomes a list
    of fields. `styled` adds colours.
    """
    parts = [*(_table(table, width, styled=styled) for table in report.tables), "\n".join(report.done)]
    return "\n\n".join(part for part in parts if part)


def _table(table: Table, width: int | None, *, styled: bool) -> str:
    lines = [_write(Text(table.title, style="bold"), styled=styled)] if table.title else []
    notes = [table.note] if table.note else []
    if table.rows:
        shown = [place for place, key in enumerate(table.columns) if key not in table.only_json]
        keys, all_headings = list(table.columns), list(table.columns.values())
        headings = [all_headings[place] for place in shown]
        rows = [[_cell(row[place], keys[place]) for place in shown] for row in table.rows]
        numeric = [_is_numeric(row[place] for row in table.rows) for place in shown]
        if (widths := _fit(headings, rows, width)) is not None:
            lines.append(_write(_in_columns(headings, rows, widths, numeric), styled=styled))
        elif (widths := _fit(headings, shortened := _shorten(rows), width)) is not None:
            lines.append(_write(_in_columns(headings, shortened, widths, numeric), styled=styled))
            notes.append(_SHORTENED)
        else:
            assert width is not None  # noqa: S101 - without a width everything fits
            lines.append("\n\n".join(_write(_as_fields(headings, row, width), styled=styled) for row in rows))
    else:
        lines.append(" " * INDENT + "none")
    if width:
        notes = [textwrap.fill(note, width, break_long_words=False, break_on_hyphens=False) for note in notes]
    return "\n".join([*lines, *notes])


def _is_numeric(values: Iterable[Any]) -> bool:
    kinds = {type(value) for value in values} - {NoneType}
    return bool(kinds) and kinds <= {int, float}


def _fit(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[int] | None:
    """Return the width of each column, words wrapped where it is needed; nothing where the table does not fit."""
    columns = list(zip(headings, *rows, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    if width is None:
        return widths
    least = [
        min(natural, max(NARROWEST, *map(_unbreakable, column)))
        for natural, column in zip(widths, columns, strict=True)
    ]
    room = width - INDENT - GAP * (len(widths) - 1)
    if sum(least) > room:
        return None
    while sum(widths) > room:
        widest = max(range(len(widths)), key=lambda place: widths[place] if widths[place] > least[place] else 0)
        widths[widest] -= 1
    return widths


def _unbreakable(cell: str) -> int:
    """Return the width below which a cell would be broken inside a word or a moment."""
    return cell_len(cell) if _MOMENT.fullmatch(cell) else max(map(cell_len, cell.split()), default=0)


def _shorten(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[cell[-SHORT_ID:] if _ID.fullmatch(cell) else cell for cell in row] for row in rows]


def _in_columns(
    headings: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], numeric: Sequence[bool]
) -> RenderableType:
    grid = RichTable(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for heading, width, is_number in zip(headings, widths, numeric, strict=True):
        grid.add_column(Text(heading), width=width, justify="right" if is_number else "left")
    for row in rows:
        grid.add_row(*map(_styled, row))
    return Padding(grid, (0, 0, 0, INDENT))


def _as_fields(headings: Sequence[str], row: Sequence[str], width: int) -> RenderableType:
    """Write one row as a list: a line, or more, for each field."""
    left = max(map(cell_len, headings))
    longest = max(map(_unbreakable, row))
    grid = RichTable(box=None, padding=(0, GAP, 0, 0), pad_edge=False, show_header=False)
    grid.add_column(width=left)
    grid.add_column(width=max(width - INDENT - left - GAP, longest))
    for heading, cell in zip(headings, row, strict=True):
        if cell.strip() in {"", NOTHING}:
            continue
        grid.add_row(Text(heading, style="dim"), _styled(cell))
    return Padding(grid, (0, 0, 0, INDENT))


def _styled(cell: str) -> Text:
    return Text(cell, style=_STYLES.get(cell, ""))


def _write(part: RenderableType, *, styled: bool) -> str:
    """Have rich write something as wide as it is."""
    out = StringIO()
    console = Console(
        file=out,
        width=10_000,
        force_terminal=styled,
        color_system="standard" if styled else None,
        legacy_windows=False,
        _environ={},
    )
    console.print(part, highlight=False)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))


def _cell(value: Any, key: str) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, datetime):
        from django.utils.timezone import localtime  # noqa: PLC0415 - a report without moments needs no Django

        return localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    if {"bytes", "size"} & set(key.split("_")) and isinstance(value, int):
        return format_size(value)
    if isinstance(value, float):
        return f"{value:.2f}"
    # One line, and nothing that moves a terminal's cursor, whatever somebody wrote into a title.
    return "".join(letter if letter.isprintable() else " " for letter in str(value))
