"""A real Prefect server on a PostgreSQL of its own, for whatever needs one: tests, benchmarks, the soak."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from downman_ops.launch import databases
from downman_ops.launch.embedded_database import EmbeddedDatabase
from warm_process_tests.prefect_server import AUTH, PrefectServer, serve

__all__ = ["AUTH", "PrefectServer", "get_database_pid", "prefect_server_running"]

DATABASE = "postgres"


@contextmanager
def prefect_server_running(folder: Path) -> Iterator[PrefectServer]:
    """Return a server that keeps all it has in a folder, and let Prefect's clients in this process use it."""
    database = EmbeddedDatabase(folder=folder / DATABASE)
    database.start()
    try:
        databases.ensure_database(database.url("prefect"))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DOWNMAN_")}
        with serve(folder, databases.prefect_url(database.url("prefect")), environment) as server:
            yield server
    finally:
        database.stop()


def get_database_pid(server: PrefectServer) -> int:
    """Return the number of the process of its PostgreSQL."""
    data = EmbeddedDatabase(folder=server.log.parent / DATABASE).data
    return int((data / "postmaster.pid").read_text().split()[0])
