"""A Prefect server on SQLite, which is what it has where nobody names a database, is recognised from outside."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from downman.prefect_api import PrefectApi, PrefectUnavailable
from downman_ops.doctor.prefect_database import PART, check_prefect_database
from warm_process_tests.prefect_server import AUTH, PrefectServer, serve
from warm_process_tests.workers import until


@pytest.fixture
def sqlite_server(tmp_path: Path) -> Iterator[PrefectServer]:
    """Return a server that was given no database."""
    with serve(tmp_path, None) as server:
        yield server


def write(api: PrefectApi, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Make something; a server on SQLite answers 503 while its own services hold the lock."""

    def ask() -> dict[str, Any]:
        try:
            return dict(api.ask("POST", path, body))
        except PrefectUnavailable as exc:
            if str(exc) != "HTTP 503":
                raise
            return {}

    return dict(until(ask))


def check(server: PrefectServer) -> list[tuple[str, str]]:
    """Return what is found of a server's database once a run has ended and another one has not."""
    api = PrefectApi(api_url=server.url, auth_string=AUTH, timeout_seconds=10)
    try:
        flow = write(api, "flows/", {"name": "database"})["id"]
        # The first has ended, the second has not.
        for state in ("COMPLETED", "SCHEDULED"):
            before = [(finding.part, finding.state.value) for finding in check_prefect_database(api)]
            write(api, "flow_runs/", {"flow_id": flow, "state": {"type": state}})
            assert before in ([], [(PART, "ok")])
        return [(finding.state.value, finding.found.split(":")[0]) for finding in check_prefect_database(api)]
    finally:
        api.close()


def test_sqlite_is_warned_of(sqlite_server: PrefectServer) -> None:
    assert check(sqlite_server) == [("warning", "it is SQLite")]
    assert "postgresql+asyncpg" not in str(sqlite_server.environment)


def test_postgresql_is_well(prefect_server: PrefectServer) -> None:
    assert check(prefect_server) == [("ok", "PostgreSQL")]
