"""Writes reports: tables in columns for people, JSON for scripts."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from django_integration.downloads.monitoring.commands import Report, Table


def as_json(report: Report) -> str:
    """Write a report as one JSON object: a list of objects for each table, and `done`."""
    tables = {table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for table in report.tables}
    return json.dumps({**tables, **({"done": report.done} if report.done else {})}, cls=DjangoJSONEncoder)


def as_text(report: Report) -> str:
    """Write a report for people."""
    return "\n\n".join(part for part in (*(_table(table) for table in report.tables), "\n".join(report.done)) if part)


def _table(table: Table) -> str:
    lines = [table.title]
    if table.rows:
        cells = [list(table.columns.values()), *([_cell(value) for value in row] for row in table.rows)]
        widths = [max(len(line[number]) for line in cells) for number in range(len(table.columns))]
        lines += [_line(line, widths) for line in cells]
    else:
        lines.append("  none")
    if table.note:
        lines.append(table.note)
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return ("  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))).rstrip()


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.2f}"
    # One line, and nothing that moves a terminal's cursor, whatever somebody wrote into a title.
    return "".join(letter if letter.isprintable() else " " for letter in str(value))
