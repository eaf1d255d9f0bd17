"""A pytest plugin: the Prefect server of the tests when they run by themselves.

It is a plugin and not a part of conftest.py so that a repository that runs these tests beside others can give them the
server that it has anyway: any session fixture `prefect_server` does.
"""

from collections.abc import Iterator

import pytest

from warm_process_tests.postgres import postgres_running
from warm_process_tests.prefect_server import PrefectServer, serve


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """Return a real Prefect server on a PostgreSQL of its own, once for all tests."""
    with postgres_running() as url, serve(tmp_path_factory.mktemp("prefect"), url) as server:
        yield server
