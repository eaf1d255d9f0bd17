"""Packages sent by a real nginx, to which the site hands them over; with the configuration that we give away."""

import hashlib
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from downman.models import DownloadLink, PolicyRecord, Resource
from tests.acceptance.demo import free_ports
from tests.certificates import good_certificate
from tests.integration.orders import order
from tests.integration.packages import package_path

CONFIGURATION = Path("deployments/nginx/downman.conf")
DATA = bytes(range(256)) * 4096
TOKEN = "Kq3-vT_9" + "x1Y" * 12
ORDER = "5f0c1d1e-6a4b-4c3d-9e8f-0a1b2c3d4e5f"
ENCODED = "".join(f"%{ord(letter):02x}" for letter in TOKEN)


class Front(NamedTuple):
    """The addresses of nginx, and the file of whom to trust there."""

    url: str
    plain: str
    certificate: Path


@contextmanager
def nginx(folder: Path, *, site: str, packages: Path) -> Iterator[Front]:
    """Start nginx with our configuration, and give its address."""
    plain, port = free_ports(2)
    certificate = good_certificate(folder)
    block = CONFIGURATION.read_text()
    for written, meant in {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "/etc/ssl/certs/downman.pem": str(certificate),
        "/etc/ssl/private/downman.key": str(certificate),
        "server 127.0.0.1:8000;": f"server {site};",
        "/var/lib/downman/packages/": f"{packages}/",
    }.items():
        assert block.count(written) == 1, written
        block = block.replace(written, meant)
    block = block.replace("/var/log/nginx/", f"{folder}/")
    block = block.replace("portal.example.org", "localhost")
    places = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"user root;\ndaemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        # As Debian has it: what a server does not say itself is logged with whole requests.
        f"http {{\naccess_log {folder}/access.log;\n{places}{block}}}\n"
    )
    process = subprocess.Popen(["/usr/sbin/nginx", "-c", str(file)])
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                answer = httpx.get(f"http://127.0.0.1:{plain}/x", trust_env=False)
                break
            except httpx.ConnectError:
                assert process.poll() is None, (folder / "error.log").read_text()
                assert time.monotonic() < deadline
        assert (answer.status_code, answer.headers["Location"]) == (301, "https://127.0.0.1/x")
        yield Front(f"https://127.0.0.1:{port}", f"http://127.0.0.1:{plain}", certificate)
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def site(transactional_db: None, live_server: LiveServer, settings: Any, tmp_path: Path) -> Iterator[httpx.Client]:
    settings.SENDFILE_BACKEND = "django_sendfile.backends.nginx"
    settings.SENDFILE_ROOT = str(settings.DOWNLOADS_PACKAGE_DIR)
    settings.SENDFILE_URL = "/protected-packages"
    address = live_server.url.removeprefix("http://")
    with (
        nginx(tmp_path, site=address, packages=settings.DOWNLOADS_PACKAGE_DIR) as front,
        httpx.Client(base_url=front.url, verify=ssl.create_default_context(cafile=front.certificate)) as client,
    ):
        yield client


@pytest.fixture
def link(site: httpx.Client, resource: Resource) -> DownloadLink:
    made = DownloadLink.objects.create(
        request=order("dem"),
        delivery="package",
        name="Größe.zip",
        target="0000000001/0001/Größe.zip",
        size=len(DATA),
        sha256=hashlib.sha256(DATA).hexdigest(),
        expires_at=timezone.now() + timedelta(days=7),
    )
    path = package_path(made.target)
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    return made


def url(link: DownloadLink) -> str:
    return f"/downloads/links/{link.token}/{link.name}"


def count(link: DownloadLink) -> int:
    link.refresh_from_db()
    return link.download_count


def test_nginx_sends_the_package_with_its_name_and_proof(site: httpx.Client, link: DownloadLink) -> None:
    answer = site.get(url(link))
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["Server"] == "nginx"
    assert "X-Accel-Redirect" not in answer.headers
    assert answer.headers["Content-Disposition"] == "attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.zip"
    assert answer.headers["Repr-Digest"].startswith("sha-256=:")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert count(link) == 1


def test_a_broken_download_goes_on_and_counts_once(site: httpx.Client, link: DownloadLink) -> None:
    first = site.get(url(link), headers={"Range": "bytes=0-999"})
    assert (first.status_code, first.content) == (206, DATA[:1000])
    rest = site.get(url(link), headers={"Range": "bytes=1000-", "If-Range": first.headers["ETag"]})
    assert (rest.status_code, rest.content) == (206, DATA[1000:])
    assert rest.headers["Content-Range"] == f"bytes 1000-{len(DATA) - 1}/{len(DATA)}"
    last = site.get(url(link), headers={"Range": "bytes=-5"})
    assert (last.status_code, last.content) == (206, DATA[-5:])
    assert site.get(url(link), headers={"Range": f"bytes={len(DATA)}-"}).status_code == 416
    assert site.head(url(link)).headers["Content-Length"] == str(len(DATA))
    assert count(link) == 1


def test_a_package_has_no_address_of_its_own(site: httpx.Client, link: DownloadLink) -> None:
    assert site.get(f"/protected-packages/{link.target}").status_code == 404
    assert site.get("/protected-packages/../packages/").status_code == 404


def test_what_has_ended_or_is_lost_gives_the_friendly_page(site: httpx.Client, link: DownloadLink) -> None:
    package_path(link.target).unlink()
    lost = site.get(url(link))
    assert lost.status_code == 404
    assert "administrators" in lost.text
    DownloadLink.objects.update(status="expired")
    assert site.get(url(link)).status_code == 410
    assert count(link) == 0


def test_figures_for_monitoring_stay_on_this_machine(site: httpx.Client) -> None:
    assert site.get("/downloads/metrics").status_code == 404


def logged(folder: Path) -> str:
    """Return all that nginx has written, whatever the file."""
    return "".join(file.read_text() for file in folder.glob("*.log"))


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (f"/downloads/links/{TOKEN}/data.zip", "/downloads/links/..."),
        (f"/downloads/links/{TOKEN}/", "/downloads/links/..."),
        (f"/downloads/links/{ENCODED}/", "/downloads/links/..."),
        (f"/downloads/requests/{ORDER}/cancel/", "/downloads/requests/..."),
        (f"/downloads/api/requests/{ORDER}/", "/downloads/api/requests/..."),
        (f"/downloads/api/requests/{ORDER.replace('-', '')}/", "/downloads/api/requests/..."),
        (f"/downloads/generic/{ORDER}/", "/downloads/generic/..."),
        (f"/downloads/verify/{TOKEN}:1vN0xQ:{TOKEN}/", "/downloads/verify/..."),
        (f"/portal/nobody//{TOKEN}", "/portal/nobody//..."),
        ("/downloads/order/?resource=dem&email=ana@example.org&key=short", "/downloads/order/"),
        ("/admin/downloads/downloadrequest/?q=ana@example.org", "/admin/downloads/downloadrequest/"),
        (f"/?{TOKEN}", "/"),
        ("/downloads/order", "/downloads/order"),
    ],
)
def test_nginx_logs_no_secret_of_a_path_no_query_and_no_page_that_led_there(
    front: tuple[Front, Path], asked: str, kept: str
) -> None:
    (at, folder), secrets = front, {TOKEN, TOKEN[:25], ENCODED, ORDER, ORDER.replace("-", ""), "ana", "short"}
    for file in folder.glob("*.log"):
        os.truncate(file, 0)
    # Nothing answers behind it: nginx has an error to report, too.
    with httpx.Client(base_url=at.url, verify=ssl.create_default_context(cafile=at.certificate)) as client:
        answer = client.get(asked, headers={"Referer": f"{at.url}/downloads/requests/{ORDER}/?key=short"})
    httpx.get(f"{at.plain}{asked}", trust_env=False)
    assert answer.status_code == 502
    said = logged(folder)
    assert [f'"GET {kept} HTTP/1.1" {status}' in said for status in (502, 301)] == [True, True], said
    assert "site: 502" in said
    assert [secret for secret in secrets if secret in said] == []


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Front, Path]]:
    """An nginx with no site behind it."""
    folder = tmp_path_factory.mktemp("front")
    with nginx(folder, site=f"127.0.0.1:{free_ports(1)[0]}", packages=folder / "packages") as at:
        yield at, folder


def test_the_site_counts_the_client_that_nginx_sees_whatever_that_says_of_itself(
    site: httpx.Client, resource: Resource, settings: Any
) -> None:
    PolicyRecord.objects.create(limit_orders_per_network=1, limit_orders_per_person=0)
    body = {"email": "ana@example.org", "resources": [{"resource": "dem"}]}
    forged = [{"X-Forwarded-For": "198.51.100.1"}, {"X-Forwarded-For": "198.51.100.2", "X-Real-IP": "198.51.100.2"}]
    settings.DOWNLOADS_TRUSTED_PROXIES = ["127.0.0.1/32"]
    answers = [site.post("/downloads/api/requests/", json=body, headers=headers).status_code for headers in forged]
    assert answers == [201, 429]
