"""One site made by the how-to alone, with its Prefect server, and a second one, for all tests here."""

from collections.abc import Iterator

import pytest

from downman.prefect_api import PrefectApi
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.acceptance.sites import own_packages
from tests.acceptance.sites.made_site import MadeSite


@pytest.fixture(scope="package")
def howto_site(tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedDatabase) -> Iterator[MadeSite]:
    """Return a site in which exactly what the page says was done, with all that it says running."""
    with MadeSite(tmp_path_factory.mktemp("howto"), postgres) as site:
        yield site


@pytest.fixture
def api(howto_site: MadeSite) -> Iterator[PrefectApi]:
    """Return the API of the Prefect server of all sites."""
    made = howto_site.prefect_api()
    yield made
    made.close()


@pytest.fixture(scope="package")
def second_site(
    howto_site: MadeSite, postgres: EmbeddedDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MadeSite]:
    """Return a site that shares the Prefect server, with packages named as Prefect's users name theirs."""
    folder = tmp_path_factory.mktemp("second")
    with MadeSite(
        folder,
        postgres,
        database=own_packages.POOL,
        prefect=howto_site.prefect,
        settings=own_packages.SETTINGS,
        files=own_packages.FILES,
    ) as site:
        yield site
