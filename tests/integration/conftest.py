"""A real PostgreSQL for every test here that asks for the database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.utils import translation
from pytest_django.fixtures import Settings

from downman.models import Resource
from downman_ops.launch.embedded_database import EmbeddedDatabase
from downman_site.settings import database


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDatabase]:
    """Return a server of its own."""
    folder: Path = tmp_path_factory.mktemp("postgres")
    server = EmbeddedDatabase(folder=folder / "server")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres: EmbeddedDatabase) -> None:
    """Let pytest-django make its test database on that server."""
    wanted = database(postgres.url("downman"))
    settings.DATABASES["default"].update(wanted)
    connections["default"].settings_dict.update({**wanted, "CONN_MAX_AGE": 0})


@pytest.fixture(autouse=True)
def _site(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """Return every test its own folders, and no Prefect: orders are started by the test."""
    settings.DOWNLOADS_TRIGGER = "downman.trigger.NoTrigger"
    settings.DOWNLOADS_PACKAGE_DIR = tmp_path / "packages"
    settings.DOWNLOADS_STAGING_DIR = tmp_path / "staging"
    settings.DOWNLOADS_SITE_URL = "http://testserver"
    yield
    # Django leaves the language of the last answer active.
    translation.deactivate()


@pytest.fixture
def resource(db: None) -> Resource:
    """Return a resource of the catalogue."""
    return Resource.objects.create(
        id="dem",
        title="Elevation",
        source="http",
        url="http://127.0.0.1/dem.tif",
        formats=["GeoTIFF", "PNG"],
        extent=[-10, 35, 5, 45],
        licence="CC-BY-4.0",
    )


@pytest.fixture
def roads(db: None) -> Resource:
    """Return another one, without choices."""
    return Resource.objects.create(id="roads", title="Roads", source="http", url="http://127.0.0.1/roads.zip")


@pytest.fixture
def honoured(settings: Any) -> None:
    """Let the resources' source honour formats, areas and coordinate reference systems."""
    settings.DOWNLOADS_SOURCES = {"http": "tests.integration.honouring.HonouringSource"}
