"""One PostgreSQL, and one site made by the how-to alone, with its Prefect server, for all tests here."""

from collections.abc import Iterator

import pytest

from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.acceptance.sites.made_site import MadeSite


@pytest.fixture(scope="package")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    """Return a server for all sites; each has a database of its own."""
    server = EmbeddedDatabase(folder=tmp_path_factory.mktemp("postgres") / "server")
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="package")
def howto_site(tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedDatabase) -> Iterator[MadeSite]:
    """Return a site in which exactly what the page says was done, with all that it says running."""
    with MadeSite(tmp_path_factory.mktemp("howto"), postgres) as site:
        yield site
