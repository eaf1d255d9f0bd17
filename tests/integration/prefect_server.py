"""A pytest plugin: a real Prefect server for all tests that need one, also for those of the worker type."""

from collections.abc import Iterator

import pytest

from tests.prefect_servers import AUTH, PrefectServer, prefect_server_running

__all__ = ["AUTH", "PrefectServer", "prefect_server"]


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """Return a real Prefect server on a PostgreSQL of its own, once for all tests."""
    with prefect_server_running(tmp_path_factory.mktemp("prefect")) as server:
        yield server
