"""Sources behind a site's outbound proxy."""

import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from downman.domain.errors import AddressRefused, DownmanError, SourceUnavailable
from downman.domain.networks import AllowedNetwork
from downman.domain.ports import FetchRequest
from downman.settings import app_settings
from downman_flows.sources.http_source import HttpSource
from downman_flows.sources.outbound_proxy import OutboundProxy
from tests.forward_proxy import ForwardProxy
from tests.integration.adapters.conftest import LIMITS, LOOPBACK
from tests.servers import DATA, Source

PASSWORD = "nobody-may-read-this"
LOGIN = f"user:{PASSWORD}"


def fetch(
    url: str, folder: Path, proxy: str, *, no_proxy: tuple[str, ...] = (), trust: ssl.SSLContext | None = None
) -> bytes:
    source = HttpSource(
        allowed_networks=(*LOOPBACK, AllowedNetwork.parse("::1")),
        limits=LIMITS,
        proxy=OutboundProxy(proxy, no_proxy=no_proxy),
        ssl_context=trust,
    )
    try:
        (file,) = source.fetch(FetchRequest(resource="x", source="http", url=url), folder, lambda *_: None)
        return file.path.read_bytes()
    finally:
        source.close()


def test_what_is_fetched_goes_through_the_proxy_with_its_login_and_by_name(server: Source, tmp_path: Path) -> None:
    with ForwardProxy(login=LOGIN) as proxy:
        url = f"http://localhost:{server.port}/plain/x"
        assert fetch(url, tmp_path, f"http://{LOGIN}@{proxy.address}") == DATA
        assert proxy.asked == [f"GET {url}"]


def test_tls_goes_through_a_tunnel_and_is_verified_at_its_end(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with Source(tls=context) as server, ForwardProxy(login=LOGIN) as proxy:
        url, way = f"https://localhost:{server.port}/plain/x", f"http://{LOGIN}@{proxy.address}"
        assert fetch(url, tmp_path, way, trust=trusting) == DATA
        assert proxy.asked == [f"CONNECT localhost:{server.port}"]
        with pytest.raises(SourceUnavailable, match="certificate"):
            fetch(url, tmp_path, way)


@pytest.mark.parametrize("entry", ["localhost", ".localhost", "*", "LOCALHOST:{port}"])
def test_hosts_that_need_no_proxy_are_contacted_directly(server: Source, tmp_path: Path, entry: str) -> None:
    no_proxy = ("gis.example", entry.format(port=server.port))
    assert fetch(f"http://localhost:{server.port}/plain/x", tmp_path, "http://127.0.0.1:9", no_proxy=no_proxy) == DATA


def test_a_proxy_is_never_taken_from_the_environment(
    server: Source, source: HttpSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ForwardProxy() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        (file,) = source.fetch(
            FetchRequest(resource="x", source="http", url=server.url("plain/x")), tmp_path, lambda *_: None
        )
        assert (file.size, proxy.asked) == (len(DATA), [])


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "http://[fc00::1]/x", "https://169.254.169.254/x"])
def test_a_private_address_is_refused_before_the_proxy_hears_of_it(tmp_path: Path, url: str) -> None:
    with ForwardProxy() as proxy:
        with pytest.raises(AddressRefused, match="private"):
            fetch(url, tmp_path, f"http://{proxy.address}")
        assert proxy.asked == []


def test_a_name_that_only_the_proxy_knows_is_left_to_it(server: Source, tmp_path: Path) -> None:
    with ForwardProxy(hosts={"data.invalid": server.port}) as proxy:
        assert fetch("http://data.invalid/plain/x", tmp_path, f"http://{proxy.address}") == DATA


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_login_is_said_without_the_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, scheme: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with ForwardProxy(login="user:another") as proxy, pytest.raises(SourceUnavailable, match="proxy") as raised:
        fetch(f"{scheme}://localhost:1234/x", tmp_path, f"http://{LOGIN}@{proxy.address}")
    assert PASSWORD not in f"{raised.value!r}{raised.value.details}{raised.value.__cause__!r}{caplog.text}"


def test_a_proxy_that_is_away_is_a_passing_fault_of_the_proxy(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="proxy") as raised:
        fetch("http://localhost:1234/x", tmp_path, f"http://{LOGIN}@127.0.0.1:9")
    assert isinstance(raised.value, DownmanError)
    assert PASSWORD not in repr(OutboundProxy(f"http://{LOGIN}@127.0.0.1:9"))


def test_the_site_names_its_proxy_in_its_settings(settings: Any) -> None:
    settings.DOWNLOADS_OUTBOUND_PROXY = f"http://{LOGIN}@proxy.example:3128"
    settings.DOWNLOADS_NO_PROXY = ["gis.example", "10.0.0.0/8"]
    assert PASSWORD not in repr(app_settings())
    HttpSource.from_settings(app_settings()).close()


@pytest.mark.parametrize(
    ("entry", "host", "port", "used"),
    [
        ("gis.example", "gis.example", 80, "direct"),
        ("gis.example", "www.gis.example", 80, "direct"),
        ("gis.example", "agis.example", 80, "proxy"),
        (".gis.example", "GIS.example.", 80, "direct"),
        ("*.gis.example", "a.gis.example", 80, "direct"),
        ("gis.example:8080", "gis.example", 80, "proxy"),
        ("gis.example:8080", "gis.example", 8080, "direct"),
        ("10.0.0.0/8", "10.1.2.3", 80, "direct"),
        ("10.0.0.0/8", "11.1.2.3", 80, "proxy"),
        ("10.0.0.0/8", "gis.example", 80, "proxy"),
        ("[fd00::]/8", "fd00::7", 80, "proxy"),
        ("fd00::/8", "[fd00::7]", 80, "direct"),
        ("[::1]:8080", "::1", 8080, "direct"),
        ("*", "anything", 1, "direct"),
        ("", "anything", 1, "proxy"),
        (".", "anything", 1, "proxy"),
    ],
)
def test_an_entry_stands_for_what_it_says(entry: str, host: str, port: int, used: str) -> None:
    proxy = OutboundProxy("http://proxy.example", no_proxy=[entry])
    assert proxy.is_used_for(host, port) is (used == "proxy")
