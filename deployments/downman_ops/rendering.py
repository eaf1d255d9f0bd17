"""Writes reports: tables in columns for people, JSON for scripts."""

import json
import textwrap
from collections.abc import Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.timezone import localtime

from downman.domain.sizes import format_size
from downman_ops.commands import Report, Table


def as_json(report: Report) -> str:
    """Write a report as one JSON object: a list of objects for each table, and `done`."""
    tables = {table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in report.tables}
    return json.dumps({**tables, **({"done": report.done} if report.done else {})}, cls=DjangoJSONEncoder)


#: The fewest characters to which a column is narrowed, so that a table fits into a terminal; otherwise it runs over.
NARROWEST = 24


def as_text(report: Report, *, width: int | None = None) -> str:
    """Write a report for people; into so many columns of a terminal, where they are known."""
    parts = [*(_table(table, width) for table in report.tables), "\n".join(report.done)]
    return "\n\n".join(part for part in parts if part)


def _table(table: Table, width: int | None) -> str:
    lines = [table.title]
    if table.rows:
        kinds = list(table.columns)
        rows = [[_cell(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in table.rows]
        cells = [list(table.columns.values()), *rows]
        widths = _widths(cells, width)
        for line in cells:
            lines += _folded(line, widths)
    else:
        lines.append("  none")
    if table.note:
        lines.append(table.note)
    return "\n".join(lines)


def _widths(cells: Sequence[Sequence[str]], width: int | None) -> list[int]:
    """Return the width of each column; columns of words are narrowed until the table fits."""
    columns = list(zip(*cells, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]
    of_words = [number for number, column in enumerate(columns) if any(" " in cell for cell in column[1:])]
    while width and of_words and sum(widths) + 2 * len(widths) > width:
        widest = max(of_words, key=lambda number: widths[number])
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return widths


def _folded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Write one line of a table, in as many lines of text as its longest cell needs."""
    folded = [
        textwrap.wrap(cell, width, break_long_words=False, break_on_hyphens=False) or [""]
        for cell, width in zip(cells, widths, strict=True)
    ]
    return [_line(line, widths) for line in zip_longest(*folded, fillvalue="")]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return ("  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))).rstrip()


def _cell(value: Any, kind: str) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return localtime(value).strftime("%Y-%m-%d %H:%M:%S")
    if "bytes" in kind.split("_") and isinstance(value, int):
        return format_size(value)
    if isinstance(value, float):
        return f"{value:.2f}"
    # One line, and nothing that moves a terminal's cursor, whatever somebody wrote into a title.
    return "".join(letter if letter.isprintable() else " " for letter in str(value))
