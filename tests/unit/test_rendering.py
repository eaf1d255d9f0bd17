import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from downman_ops.commands import Report, Table
from downman_ops.rendering import as_text

RUN = str(uuid4())
URL = "https://portal.example.org/" + "x" * 90
RUNS = Table(
    name="runs",
    title="Running",
    columns={"job": "job", "order": "order", "bytes_done": "bytes", "worker": "worker", "since": "since", "run": "run"},
    rows=[("package-request", 4, 1_500_000, "package-1@portal", datetime(2026, 5, 31, tzinfo=UTC), RUN)],
)
FINDINGS = Table(
    name="findings",
    title="1 wrong",
    columns={"part": "part", "found": "found", "hint": "hint"},
    rows=[
        (
            "mail server",
            "127.0.0.1:25 refuses the connection: nothing listens there",
            "See DOWNMAN_MAIL_HOST and DOWNMAN_MAIL_PORT.",
        ),
        ("settings", "no check complains", ""),
    ],
    note="A note that is long enough to be wrapped at a terminal that is as narrow as they were in former times.",
)


def words(table: Table) -> set[str]:
    return {word for row in table.rows for value in row if isinstance(value, str) for word in value.split()}


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("table", [RUNS, FINDINGS], ids=lambda table: table.name)
def test_a_table_fits_and_no_word_is_broken(table: Table, width: int) -> None:
    text = as_text(Report(tables=[table]), width=width)
    assert max(map(len, text.splitlines())) <= width
    assert words(table) - set(text.split()) <= {RUN}
    assert "2026-05-31 " in text or table is not RUNS


def test_an_id_is_whole_where_there_is_room_and_shortened_by_its_first_characters_elsewhere() -> None:
    assert RUN in as_text(Report(tables=[RUNS]), width=130)
    narrow = as_text(Report(tables=[RUNS]), width=100)
    assert RUN not in narrow
    assert RUN[-8:] in narrow.split()
    assert "its last 8 characters" in narrow


def test_a_row_becomes_a_list_of_fields_where_the_table_does_not_fit() -> None:
    lines = as_text(Report(tables=[RUNS]), width=60).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["job", "order", "bytes", "worker", "since", "run"]
    assert lines[-1].split() == ["run", RUN]
    assert "1.5 MB" in lines[3]


def test_a_word_that_is_longer_than_the_terminal_stays_whole() -> None:
    table = Table(name="links", title="Links", columns={"link": "link", "url": "URL"}, rows=[(1, URL)])
    assert URL in as_text(Report(tables=[table]), width=60).split()


def test_without_a_width_every_row_is_one_line() -> None:
    assert len(as_text(Report(tables=[FINDINGS])).splitlines()) == 5


def test_colours_are_for_terminals_only() -> None:
    table = Table(name="findings", title="Findings", columns={"state": "state"}, rows=[("wrong",)])
    assert "\x1b" not in as_text(Report(tables=[table]))
    styled = as_text(Report(tables=[table]), styled=True)
    assert "\x1b[31mwrong" in styled
    assert re.sub(r"\x1b\[[0-9;]*m", "", styled) == as_text(Report(tables=[table]))
