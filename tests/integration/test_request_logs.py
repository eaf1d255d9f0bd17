"""What servers of the site write of requests: no secret of a path, and no query."""

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from downman.log_filters import WithoutTokens
from downman_ops.launch import databases, ports
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.integration.small_site import SmallSite, make_site
from tests.integration.worker.workers import until

TOKEN = "Kq3-vT_9" + "x1Y" * 12
ORDER = "5f0c1d1e-6a4b-4c3d-9e8f-0a1b2c3d4e5f"
ENCODED = "".join(f"%{ord(letter):02x}" for letter in TOKEN)
SECRETS = (TOKEN, TOKEN[:33], ENCODED, ORDER, "ana@example.org")
PATHS = (f"/nowhere/{TOKEN}/data.zip", f"/nowhere/{ORDER}/", f"/nowhere/{ENCODED}", "/nowhere/?email=ana@example.org")
#: As the reference site has them.
LOGGING = "from downman_site.base import logging\nDEBUG = False\nLOGGING = logging('INFO')\nSTATIC_ROOT = HOME\n"
GUNICORN = [
    "gunicorn", "portal.wsgi:application", "--worker-class=gthread", "--access-logfile=-", "--log-level=debug",
    "--logger-class=downman_ops.launch.gunicorn_log.Logger",
]  # fmt: skip
WSGI = "from django.core.wsgi import get_wsgi_application\n\napplication = get_wsgi_application()\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedDatabase) -> SmallSite:
    url = postgres.url("logs")
    databases.ensure_database(url)
    return make_site(tmp_path_factory.mktemp("logs"), url, settings=LOGGING, files={"portal/wsgi.py": WSGI})


@contextmanager
def served(site: SmallSite, command: list[str], environment: Mapping[str, str]) -> Iterator[tuple[int, Path]]:
    """Start a server of the site; return its port, and the file with all that it says."""
    port, log = ports.any_free(), site.folder / "server.log"
    command = [sys.executable, "-m", *[word.format(port=port) for word in command]]
    with log.open("w") as out:
        server = subprocess.Popen(
            command, cwd=site.folder, env={**site.environment, **environment}, stdout=out, stderr=out
        )
    try:
        until(lambda: server.poll() is not None or _listens(port))
        assert server.poll() is None, log.read_text()
        yield port, log
    finally:
        server.terminate()
        server.wait(timeout=30)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    "command",
    [
        [*GUNICORN, "--bind=127.0.0.1:{port}"],
        ["django", "runserver", "--noreload", "--skip-checks", "127.0.0.1:{port}"],
    ],
    ids=["gunicorn", "runserver"],
)
def test_a_server_logs_requests_without_secrets(site: SmallSite, command: list[str]) -> None:
    with served(site, command, {"PYTHONWARNINGS": "ignore"}) as (port, log):
        for path in PATHS:
            referer = {"Referer": f"http://127.0.0.1:{port}/downloads/requests/{ORDER}/?email=ana@example.org"}
            assert httpx.get(f"http://127.0.0.1:{port}{path}", headers=referer, trust_env=False).status_code == 404
        # A request line that is none is an error, which repeats it.
        with socket.create_connection(("127.0.0.1", port), timeout=10) as odd:
            odd.sendall(f"GET /nowhere/{TOKEN} {ORDER} HTTP/9\r\n\r\n".encode())
            while odd.recv(1024):
                pass
        until(lambda: log.read_text().count("/nowhere/") >= len(PATHS))
    said = log.read_text()
    assert [secret for secret in SECRETS if secret in said] == [], said


@pytest.mark.parametrize(
    ("name", "message", "args", "said"),
    [
        (
            "uvicorn.access",
            '%s - "%s %s HTTP/%s" %d',
            ("127.0.0.1:5", "GET", f"/downloads/links/{TOKEN}/?a=b", "1.1", 200),
            '127.0.0.1:5 - "GET /downloads/links/.../?... HTTP/1.1" 200',
        ),
        ("django.request", "Not Found: %s", (f"/downloads/requests/{ORDER}/",), "Not Found: /downloads/requests/.../"),
        ("gunicorn.access", "%(r)s", ({"r": f"GET /?{TOKEN}"},), "GET /?..."),
        ("gunicorn.error", f"Error handling request /x/{TOKEN}", (), "Error handling request /x/..."),
        ("downman.services", "sha256 %s", ("ab" * 32,), f"sha256 {'ab' * 32}"),
    ],
)
def test_the_filter_fits_other_servers_and_leaves_other_messages(
    name: str, message: str, args: tuple[object, ...], said: str
) -> None:
    record = logging.LogRecord(name, logging.INFO, __file__, 1, message, args, None)
    assert WithoutTokens().filter(record)
    assert record.getMessage() == said
