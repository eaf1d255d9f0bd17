"""A real Prefect server for the tests that need one."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from deployments import databases, ports
from deployments.embedded_database import EmbeddedDatabase
from deployments.prefect_api import PrefectApi

UP_SECONDS = 120
AUTH = "admin:only-for-tests"


@dataclass(frozen=True)
class PrefectServer:
    """A server that runs: its API, and the environment of those who use it."""

    url: str
    environment: dict[str, str]


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """Give a real Prefect server on a PostgreSQL of its own, once for all tests."""
    folder = tmp_path_factory.mktemp("prefect")
    database = EmbeddedDatabase(folder=folder / "postgres")
    database.start()
    try:
        databases.ensure_database(database.url("prefect"))
        port = ports.any_free()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DOWNMAN_", "PREFECT_"))},
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_API_AUTH_STRING": AUTH,
            "PREFECT_SERVER_API_AUTH_STRING": AUTH,
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": databases.prefect_url(database.url("prefect")),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        }
        with (folder / "server.log").open("w") as log:
            command = [sys.executable, "-m", "prefect", "server", "start", f"--port={port}"]
            server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            try:
                _until_up(environment, server, folder / "server.log")
                url = environment["PREFECT_API_URL"]
                with temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: AUTH}):
                    yield PrefectServer(url=url, environment=environment)
            finally:
                server.terminate()
                server.wait(timeout=30)
    finally:
        database.stop()


def _until_up(environment: dict[str, str], server: subprocess.Popen[bytes], log: Path) -> None:
    api = PrefectApi(environment["PREFECT_API_URL"], AUTH)
    deadline = time.monotonic() + UP_SECONDS
    while not api.is_up():
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
