"""A real Prefect server on a PostgreSQL of its own, for whatever needs one: tests, benchmarks, the soak."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from downman.prefect_api import PrefectApi
from downman_ops.launch import databases, ports
from downman_ops.launch.embedded_database import EmbeddedDatabase

UP_SECONDS = 120
DOWN_SECONDS = 30
AUTH = "admin:only-for-tests"


@dataclass
class PrefectServer:
    """A server that runs: its API, the environment of those who use it, and its processes."""

    url: str
    environment: dict[str, str]
    log: Path
    database_pid: int
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int:
        """The number of its process, which may have others below it."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        port = self.url.removesuffix("/api").rpartition(":")[2]
        command = [sys.executable, "-m", "prefect", "server", "start", f"--port={port}"]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        api = PrefectApi(api_url=self.url, auth_string=AUTH, timeout_seconds=5)
        deadline = time.monotonic() + UP_SECONDS
        while not api.is_up():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it, cutting the connections that are not closed in time."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=DOWN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def prefect_server_running(folder: Path) -> Iterator[PrefectServer]:
    """Return a server that keeps all it has in a folder, and let Prefect's clients in this process use it."""
    database = EmbeddedDatabase(folder=folder / "postgres")
    database.start()
    try:
        databases.ensure_database(database.url("prefect"))
        url = f"http://127.0.0.1:{ports.any_free()}/api"
        server = PrefectServer(
            url=url,
            environment=make_environment(folder, url, database),
            log=folder / "server.log",
            database_pid=int((database.data / "postmaster.pid").read_text().split()[0]),
        )
        try:
            server.start()
            with temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: AUTH}):
                yield server
        finally:
            server.stop()
    finally:
        database.stop()


def make_environment(folder: Path, url: str, database: EmbeddedDatabase | None = None) -> dict[str, str]:
    """Return the environment of a server and of those who use it; without a database it makes an SQLite of its own."""
    stored = databases.prefect_url(database.url("prefect")) if database else None
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("DOWNMAN_", "PREFECT_"))},
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": AUTH,
        "PREFECT_SERVER_API_AUTH_STRING": AUTH,
        **({"PREFECT_SERVER_DATABASE_CONNECTION_URL": stored} if stored else {}),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    }
