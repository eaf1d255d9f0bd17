"""A site under an ASGI server sends packages block by block, and as rightly as under WSGI."""

import asyncio
import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg2
import pytest
from django.http import StreamingHttpResponse
from django.middleware.gzip import GZipMiddleware
from django.test import RequestFactory

from downman.streaming import ASYNC_BLOCK, StreamedFile
from downman_ops.launch import databases
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.integration.small_site import SmallSite, make_site
from tests.integration.worker.workers import until

MEGABYTE = 1024 * 1024
#: The package, and what the site's process may grow by while two clients download it at once.
SIZE, MOST_GROWTH = 300 * MEGABYTE, 60 * MEGABYTE
#: Clients that begin a download and read no further.
SLOW_CLIENTS = 20
MAKE_LINK = """
import django, sys
django.setup()
from datetime import timedelta
from django.conf import settings
from django.utils import timezone
from downman.domain.request import Order, OrderLine
from downman.models import DownloadLink, Resource
from downman.services.ordering import place_request

Resource.objects.create(id="dem", title="Elevation", source="http", url="http://127.0.0.1/dem.tif")
order = place_request(Order(email="ana@example.org", language="en", lines=(OrderLine(resource="dem"),)), raw_order={})
path = settings.DOWNLOADS_PACKAGE_DIR / "1" / "large.zip"
path.parent.mkdir(parents=True)
with path.open("wb") as file:
    for number in range(int(sys.argv[1]) // 2**20):
        file.write(number.to_bytes(2) * 2**19)
link = DownloadLink.objects.create(
    request=order, delivery="package", name="large.zip", target="1/large.zip", size=int(sys.argv[1]), sha256="ab" * 32,
    expires_at=timezone.now() + timedelta(days=1),
)
print(link.token)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedDatabase) -> SmallSite:
    databases.ensure_database(postgres.url("asgi"))
    site = make_site(tmp_path_factory.mktemp("asgi"), postgres.url("asgi"))
    site.must_run("-m", "django", "migrate", "--verbosity=0")
    return site


@pytest.fixture(scope="module")
def served(site: SmallSite) -> Iterator[tuple[str, psutil.Process]]:
    """Return the URL of a package of 300 MB, and the process that serves it."""
    token = site.must_run("-c", MAKE_LINK, str(SIZE)).strip()
    with site.uvicorn() as (url, process):
        yield f"{url}/downloads/links/{token}/large.zip", process


def download(url: str) -> str:
    digest = hashlib.sha256()
    with httpx.stream("GET", url, timeout=120, trust_env=False) as answer:
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(SIZE))
        for block in answer.iter_raw():
            digest.update(block)
    return digest.hexdigest()


def test_a_large_package_for_two_clients_at_once_takes_no_memory(
    site: SmallSite, served: tuple[str, psutil.Process]
) -> None:
    url, process = served
    # What the first download loads is not what one takes.
    assert httpx.get(url, headers={"Range": "bytes=0-9"}, trust_env=False).status_code == 206
    before = process.memory_info().rss
    largest, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            largest.append(process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        with ThreadPoolExecutor(max_workers=2) as clients:
            sums = set(clients.map(download, [url, url]))
    finally:
        done.set()
        watching.join()
    assert sums == {hashlib.sha256((site.folder / "packages" / "1" / "large.zip").read_bytes()).hexdigest()}
    assert max(largest) - before < MOST_GROWTH


def test_ranges_and_conditions_are_answered_as_under_wsgi(served: tuple[str, psutil.Process]) -> None:
    url, _ = served

    def get(method: str = "GET", **headers: str) -> httpx.Response:
        return httpx.request(method, url, headers={name.replace("_", "-"): text for name, text in headers.items()})

    head = get("HEAD")
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(SIZE), b"")
    last = get(Range=f"bytes={SIZE - 3 * MEGABYTE}-", If_Range=head.headers["ETag"])
    number = SIZE // MEGABYTE - 1
    assert last.status_code == 206
    assert last.headers["Content-Range"] == f"bytes {SIZE - 3 * MEGABYTE}-{SIZE - 1}/{SIZE}"
    assert last.content == b"".join((number - back).to_bytes(2) * 2**19 for back in (2, 1, 0))
    assert get(Range="bytes=5-9").content == bytes(5)
    assert get(If_None_Match=head.headers["ETag"]).status_code == 304
    assert get(Range=f"bytes={SIZE}-").status_code == 416
    assert get(If_Match='"other"').status_code == 412


def test_a_client_that_leaves_takes_its_open_file_with_it(site: SmallSite, served: tuple[str, psutil.Process]) -> None:
    url, process = served
    package = str(site.folder / "packages" / "1" / "large.zip")

    def open_files() -> int:
        return [file.path for file in process.open_files()].count(package)

    until(lambda: open_files() == 0)
    with httpx.stream("GET", url, trust_env=False) as answer:
        blocks = answer.iter_raw(MEGABYTE)
        next(blocks)
        assert open_files() == 1
    until(lambda: open_files() == 0)


def test_downloads_leave_the_database_to_others(served: tuple[str, psutil.Process], postgres: EmbeddedDatabase) -> None:
    url, _ = served

    with closing(psycopg2.connect(postgres.url("postgres"))) as asking, ExitStack() as clients:
        asking.autocommit = True

        def sessions() -> set[int]:
            with asking.cursor() as cursor:
                cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = 'asgi'")
                return {pid for (pid,) in cursor.fetchall()}

        before = sessions()
        for _ in range(SLOW_CLIENTS):
            answer = clients.enter_context(httpx.stream("GET", url, trust_env=False, timeout=60))
            assert answer.status_code == 200
            next(answer.iter_raw(1024))
        until(lambda: sessions() <= before)


def test_another_middleware_may_change_what_streams(db: None, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"many words " * 100_000)
    request = RequestFactory().get("/", headers={"Accept-Encoding": "gzip"})

    async def read(answer: StreamingHttpResponse) -> list[bytes]:
        return [block async for block in answer]

    def answer(_request: Any) -> StreamedFile:
        return StreamedFile((tmp_path / "text").open("rb"))

    plain = answer(request)
    blocks = asyncio.run(read(plain))
    plain.close()
    assert [len(block) for block in blocks[:-1]] == [ASYNC_BLOCK] * (len(blocks) - 1)
    assert b"".join(blocks) == (tmp_path / "text").read_bytes()
    zipped = GZipMiddleware(answer)(request)
    assert isinstance(zipped, StreamedFile)
    assert b"".join(asyncio.run(read(zipped)))[:2] == b"\x1f\x8b"
    zipped.close()
