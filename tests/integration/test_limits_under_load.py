"""The reference site as in production, with several processes and threads, while one client orders in a loop."""

import secrets
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from downman_ops.launch import databases, ports
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.integration.worker.workers import until

#: Orders, and seconds in which they come.
ORDERS, SECONDS = 1000, 5
LIMIT = 120
CALLERS = 8
PREPARE = """
import django
django.setup()
from django.core.management import call_command
from downman.models import Resource
call_command("migrate", verbosity=0)
Resource.objects.create(id="dem", title="Elevation", source="http", url="http://127.0.0.1/dem.tif")
"""
COUNT = """
import django
django.setup()
from downman.models import DownloadRequest
print(DownloadRequest.objects.count())
"""


class Site(NamedTuple):
    """A site that runs, and the environment of its processes."""

    url: str
    environment: dict[str, str]

    def run(self, code: str) -> str:
        """Run Python beside it."""
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=120
        ).stdout


@pytest.fixture
def site(postgres: EmbeddedDatabase, tmp_path: Path) -> Iterator[Site]:
    """Serve the reference site by gunicorn."""
    database = postgres.url("load")
    databases.ensure_database(database)
    port = ports.any_free()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": str(Path(sys.executable).parent),
        "DJANGO_SETTINGS_MODULE": "downman_site.production",
        "DOWNMAN_HOME": str(tmp_path),
        "DOWNMAN_SECRET_KEY": secrets.token_urlsafe(50),
        "DOWNMAN_DATABASE_URL": database,
        "DOWNLOADS_SITE_URL": url,
        "DOWNLOADS_TRIGGER": "downman.trigger.NoTrigger",
        "DOWNMAN_LOG_LEVEL": "ERROR",
    }
    made = Site(url, environment)
    made.run(PREPARE)
    command = [
        *(sys.executable, "-m", "gunicorn", "downman_site.wsgi:application", f"--bind=127.0.0.1:{port}"),
        *("--worker-class=gthread", "--workers=2", "--threads=4", "--log-level=error"),
    ]
    with (tmp_path / "site.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: server.poll() is not None or is_up(url))
        assert server.poll() is None, (tmp_path / "site.log").read_text()
        yield made
    finally:
        server.terminate()
        server.wait(timeout=30)


def is_up(url: str) -> bool:
    """Return whether the site answers."""
    try:
        return httpx.get(f"{url}/downloads/health/live", trust_env=False).is_success
    except httpx.TransportError:
        return False


class Caller:
    """A client at one address of this machine."""

    def __init__(self, url: str, address: str) -> None:
        """Keep one connection open."""
        transport = httpx.HTTPTransport(local_address=address)
        self.http = httpx.Client(base_url=url, transport=transport, timeout=60)

    def order(self, number: int, *, headers: dict[str, str] | None = None) -> tuple[float, httpx.Response]:
        """Order for somebody, and return what it took and the answer."""
        body = {"email": f"person{number}@example.org", "resources": [{"resource": "dem"}]}
        began = time.perf_counter()
        answer = self.http.post("/downloads/api/requests/", json=body, headers=headers)
        return time.perf_counter() - began, answer


def test_a_client_that_orders_in_a_loop_gets_its_limit_and_harms_nobody(site: Site) -> None:
    callers = [Caller(site.url, "127.0.0.3") for _ in range(CALLERS)]
    another = Caller(site.url, "127.0.0.2")
    began = time.monotonic()

    def order(number: int) -> tuple[float, httpx.Response]:
        time.sleep(max(0.0, began + number * SECONDS / ORDERS - time.monotonic()))
        # What a client says of itself is not believed.
        return callers[number % CALLERS].order(number, headers={"X-Forwarded-For": f"198.51.100.{number % 250}"})

    with ThreadPoolExecutor(CALLERS) as threads:
        answers = threads.map(order, range(ORDERS))
        seconds, other = another.order(ORDERS)
        took = list(answers)
    for caller in (*callers, another):
        caller.http.close()
    refused = sorted(each for each, answer in took if answer.status_code == httpx.codes.TOO_MANY_REQUESTS)
    print(  # noqa: T201 - shown by `pytest -s`
        f"{len(refused)} refused within {statistics.median(refused) * 1000:.1f} ms (median), "
        f"{refused[int(len(refused) * 0.95)] * 1000:.1f} ms (p95), {refused[-1] * 1000:.1f} ms (longest), all in "
        f"{time.monotonic() - began:.1f} s; another person's order took {seconds * 1000:.0f} ms"
    )
    assert Counter(answer.status_code for _each, answer in took) == {201: LIMIT, 429: ORDERS - LIMIT}
    assert all(int(answer.headers["Retry-After"]) > 0 for _each, answer in took if answer.is_client_error)
    # 20 ms on a machine that does nothing else; however slow it is, much less than what an order takes.
    taken = [each for each, answer in took if answer.status_code == httpx.codes.CREATED]
    assert statistics.median(refused) < statistics.median(taken)
    assert other.status_code == httpx.codes.CREATED
    assert int(site.run(COUNT)) == LIMIT + 1
