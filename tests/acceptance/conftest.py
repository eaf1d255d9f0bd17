"""One running demo for all tests here that only order from it, and one PostgreSQL for all sites that tests make."""

from collections.abc import Iterator

import pytest

from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.acceptance.demo import DemoProcess
from tests.acceptance.portal import Portal


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """Return a demo that is ready."""
    with DemoProcess(tmp_path_factory.mktemp("acceptance") / "home", DOWNMAN_LIMITS="off") as running:
        yield running


@pytest.fixture(scope="package")
def portal(demo: DemoProcess) -> Iterator[Portal]:
    """Return somebody who orders from it."""
    with Portal(demo) as person:
        yield person


@pytest.fixture(scope="package")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    """Return a server for all sites; each has a database of its own."""
    server = EmbeddedDatabase(folder=tmp_path_factory.mktemp("postgres") / "server")
    server.start()
    try:
        yield server
    finally:
        server.stop()
