"""A real Prefect server in a process of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

UP_SECONDS = 120
DOWN_SECONDS = 30
AUTH = "admin:only-for-tests"
#: Variables that would change what is tested.
SETTINGS = ("PREFECT_", "WARM_PROCESS_")


@dataclass
class PrefectServer:
    """A server: its API, the environment of those who use it, and its processes."""

    url: str
    environment: dict[str, str]
    log: Path
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
        deadline = time.monotonic() + UP_SECONDS
        while not self._is_up():
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

    def _is_up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", auth=("admin", AUTH.partition(":")[2]), timeout=5).is_success
        except httpx.HTTPError:
            return False


@contextmanager
def serve(
    folder: Path, database_url: str | None, environment: Mapping[str, str] = os.environ
) -> Iterator[PrefectServer]:
    """Run a server that keeps what it has in a folder and a database, and let Prefect's clients in here use it.

    Without a database it makes an SQLite of its own in the folder.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/api"
    server = PrefectServer(
        url=url,
        environment={
            **{name: value for name, value in environment.items() if not name.startswith(SETTINGS)},
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_API_URL": url,
            "PREFECT_API_AUTH_STRING": AUTH,
            "PREFECT_SERVER_API_AUTH_STRING": AUTH,
            **({"PREFECT_SERVER_DATABASE_CONNECTION_URL": database_url} if database_url else {}),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        },
        log=folder / "server.log",
    )
    try:
        server.start()
        with temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: AUTH}):
            yield server
    finally:
        server.stop()
