"""What load balancers and service managers are told, also while parts are away."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from downman_ops.launch import ports
from tests.integration.prefect_server import AUTH, PrefectServer
from tests.integration.worker.workers import until

LIVE, READY = "/downloads/health/live", "/downloads/health/ready"
SECRETS = ("127.0.0.1", "localhost", "/tmp", AUTH, "test_", "4200")


@pytest.fixture
def whole(settings: Any, prefect_server: PrefectServer, transactional_db: None) -> Any:
    """Let every part be as it should."""
    settings.DOWNLOADS_PREFECT_API_URL = prefect_server.url
    settings.DOWNLOADS_PREFECT_API_AUTH_STRING = AUTH
    settings.DOWNLOADS_PACKAGE_DIR.mkdir()
    return settings


@pytest.fixture
def hanging() -> Iterator[int]:
    """Return a port on which everybody is let in, and nobody is answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def move_database(transactional_db: None) -> Iterator[Any]:
    """Return a way to let the database be looked for elsewhere."""
    where = {name: connection.settings_dict[name] for name in ("HOST", "PORT")}

    def move(port: int) -> None:
        connection.close()
        connection.settings_dict.update({"HOST": "127.0.0.1", "PORT": str(port)})

    yield move
    connection.settings_dict.update(where)
    connection.close()


def ready(status: int) -> Any:
    """Ask, and give what is said; it comes in time, is not kept, and tells no secret."""
    began = time.monotonic()
    answer = Client().get(READY)
    assert time.monotonic() - began < 2
    assert answer.status_code == status, answer.content
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies
    assert not [secret for secret in SECRETS if secret in answer.content.decode()]
    return answer.json()


def not_ok(said: Any) -> set[str]:
    assert all(part["detail"].endswith((".", "migrate")) for part in said["parts"].values())
    return {name for name, part in said["parts"].items() if not part["ok"]}


@pytest.mark.parametrize("address", [LIVE, f"{LIVE}/"])
def test_it_lives_without_a_database(client: Client, address: str) -> None:
    # No test without its mark may use the database: asking it would raise.
    answer = client.get(address)
    assert (answer.status_code, answer.json(), answer["Cache-Control"]) == (200, {"status": "ok"}, "no-store")
    assert not answer.cookies
    assert client.head(address).content == b""
    assert client.post(address).status_code == 405


def test_all_is_ok_when_all_is_there(whole: Any, client: Client) -> None:
    said = ready(200)
    assert said["status"] == "ok"
    assert list(said["parts"]) == ["database", "migrations", "storage", "prefect"]
    assert not_ok(said) == set()
    assert client.get(f"{READY}/").status_code == 200
    assert (client.head(READY).status_code, client.head(READY).content) == (200, b"")


@pytest.mark.parametrize("how", ["refused", "silent", "wrong login", "no address"])
def test_without_prefect_alone_people_are_still_served(whole: Any, hanging: int, how: str) -> None:
    address = {
        "refused": f"http://127.0.0.1:{ports.any_free()}/api",
        "silent": f"http://127.0.0.1:{hanging}/api",
        "no address": "http://127.0.0.1:port/api",
    }
    if how == "wrong login":
        whole.DOWNLOADS_PREFECT_API_AUTH_STRING = "admin:another"
    else:
        whole.DOWNLOADS_PREFECT_API_URL = address[how]
    said = ready(200)
    assert said["status"] == "degraded"
    assert not_ok(said) == {"prefect"}


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_without_the_database_it_is_not_ready(whole: Any, move_database: Any, hanging: int, how: str) -> None:
    # As on sites that open a transaction around each view, and ask for a login everywhere.
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    whole.MIDDLEWARE = [*whole.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    try:
        move_database(hanging if how == "silent" else ports.any_free())
        said = ready(503)
        assert said["status"] == "unavailable"
        assert not_ok(said) == {"database", "migrations"}
        assert Client().get(LIVE).status_code == 200
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


def test_a_session_is_not_looked_for(whole: Any, client: Client, move_database: Any) -> None:
    client.force_login(User.objects.create_superuser("eva"))
    move_database(ports.any_free())
    assert client.get(LIVE).status_code == 200
    assert client.get(READY).json()["status"] == "unavailable"


def test_with_a_migration_missing_it_is_not_ready(whole: Any) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("downloads", "0001_initial")
    try:
        said = ready(503)
    finally:
        recorder.record_applied("downloads", "0001_initial")
    assert not_ok(said) == {"migrations"}
    assert "manage.py migrate" in said["parts"]["migrations"]["detail"]


def test_without_its_packages_it_is_not_ready(whole: Any) -> None:
    whole.DOWNLOADS_PACKAGE_DIR.rmdir()
    said = ready(503)
    assert not_ok(said) == {"storage"}


def test_no_connection_is_left_open(whole: Any) -> None:
    def sessions() -> set[int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
            return {pid for (pid,) in cursor.fetchall()}

    before = sessions()
    ready(200)
    # The server ends a session a moment after its client has left.
    until(lambda: sessions() <= before)


def test_what_hangs_is_asked_once_for_all_who_wait(whole: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        whole.DOWNLOADS_PREFECT_API_URL = f"http://127.0.0.1:{server.getsockname()[1]}/api"
        for _ in range(3):
            assert not_ok(ready(200)) == {"prefect"}
        server.settimeout(0)
        server.accept()[0].close()
        with pytest.raises(BlockingIOError):
            server.accept()
