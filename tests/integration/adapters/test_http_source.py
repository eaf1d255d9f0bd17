import hashlib
import ssl
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme

from downman.domain.errors import (
    AddressRefused,
    DownloadCancelled,
    DownmanError,
    SourceCorrupt,
    SourceMissing,
    SourceRefused,
    SourceTooLarge,
    SourceUnavailable,
    TransferInterrupted,
)
from downman.domain.networks import AllowedNetwork
from downman.domain.ports import FetchRequest, StagedFile
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.http_source import HttpSource
from tests.integration.adapters.conftest import LIMITS, LOOPBACK
from tests.servers import CHANGED, DATA, Source

HALF = len(DATA) // 2


def wanted(url: str) -> FetchRequest:
    return FetchRequest(resource="x", source="http", url=url)


def fetch(source: HttpSource, url: str, folder: Path, progress: Any = lambda *_: None) -> StagedFile:
    (file,) = source.fetch(wanted(url), folder, progress)
    return file


def assert_goes_on(ranges: list[str | None]) -> None:
    """A reset may take with it what had been sent but not read yet, so where it goes on is not known to the byte."""
    first, second = ranges
    assert first is None
    assert second is not None
    assert 0 < int(second.removeprefix("bytes=").rstrip("-")) <= HALF


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("path", "proof"),
    [
        ("plain/a.bin", "content-length"),
        ("bare/a.bin", "content-length"),
        ("chunked/a.bin", "chunked"),
        ("unmeasured/a.bin", "read-twice"),
        ("gzip/a.bin", "content-length"),
        ("digest/Content-MD5/a.bin", "content-md5"),
        ("digest/Digest/a.bin", "digest"),
        ("digest/Repr-Digest/a.bin", "repr-digest"),
        ("digest/Content-Digest/a.bin", "content-digest"),
        ("etag/a.bin", "etag-md5"),
        ("unwell/2/a.bin", "content-length"),
        ("busy/0/a.bin", "content-length"),
        ("reset/3/a.bin", "content-length"),
        ("to/%2Fplain%2Fb.bin", "content-length"),
    ],
)
def test_what_can_be_had_comes_whole_with_its_proof(
    server: Source, source: HttpSource, tmp_path: Path, path: str, proof: str
) -> None:
    seen: list[tuple[int, int | None]] = []
    file = fetch(source, server.url(path), tmp_path, lambda done, total: seen.append((done, total)))
    assert file.path.read_bytes() == DATA
    assert (file.size, file.sha256, file.proof) == (len(DATA), hashlib.sha256(DATA).hexdigest(), proof)
    assert seen[-1][0] == len(DATA)


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("status/404/x", SourceMissing, "404"),
        ("status/410/x", SourceMissing, "410"),
        ("status/403/x", SourceRefused, "403"),
        ("status/500/x", SourceUnavailable, "500"),
        ("short/x", TransferInterrupted, "ended early"),
        ("cut/x", TransferInterrupted, "ended early"),
        ("halfgzip/x", TransferInterrupted, "encoded"),
        ("brotli/x", SourceRefused, "encoding"),
        ("stalled/x", TransferInterrupted, "stalled"),
        ("endless/x", SourceTooLarge, "50000000"),
        ("bytes/50000001/x", SourceTooLarge, "50000000"),
        ("wrongdigest/Content-MD5/x", SourceCorrupt, "checksum"),
        ("wrongdigest/Digest/x", SourceCorrupt, "checksum"),
        ("wrongdigest/Repr-Digest/x", SourceCorrupt, "checksum"),
        ("loop/x", SourceRefused, "redirects"),
        ("to/http%3A%2F%2F127.0.0.2%3A9%2Fx", AddressRefused, "private"),
        ("to/http%3A%2F%2F169.254.169.254%2Flatest", AddressRefused, "private"),
        ("to/file%3A%2F%2F%2Fetc%2Fpasswd", AddressRefused, "http"),
        ("to/http%3A%2F%2Fuser%3Apass%40127.0.0.1%2F", AddressRefused, "password"),
    ],
)
def test_what_cannot_be_had_says_why_and_leaves_nothing(
    server: Source, source: HttpSource, tmp_path: Path, path: str, error: type[DownmanError], words: str
) -> None:
    with pytest.raises(error, match=words):
        fetch(source, server.url(path), tmp_path)
    assert left_in(tmp_path) == []


def test_a_passing_fault_is_tried_four_times_again_and_a_lasting_one_not(
    server: Source, source: HttpSource, tmp_path: Path
) -> None:
    for path, tries in {"status/500/x": 5, "short/x": 5, "status/404/x": 1}.items():
        with pytest.raises(DownmanError):
            fetch(source, server.url(path), tmp_path)
        assert server.seen(path) == tries


def test_a_source_that_asks_for_a_long_wait_is_left_to_a_later_run(
    server: Source, source: HttpSource, tmp_path: Path
) -> None:
    with pytest.raises(SourceUnavailable) as raised:
        fetch(source, server.url("busy/120/x"), tmp_path)
    assert raised.value.retry_after is not None
    assert raised.value.retry_after.total_seconds() == 120
    assert server.seen("busy/120/x") == 1


def test_a_broken_transfer_goes_on_where_it_broke(server: Source, source: HttpSource, tmp_path: Path) -> None:
    fetch(source, server.url("reset/1/x"), tmp_path)
    assert_goes_on(server.ranges("reset/1/x"))


def test_a_later_run_goes_on_with_what_an_earlier_one_left(server: Source, tmp_path: Path) -> None:
    impatient = HttpSource(allowed_networks=LOOPBACK, limits=FetchLimits(tries=1))
    with pytest.raises(TransferInterrupted):
        fetch(impatient, server.url("reset/1/x"), tmp_path)
    assert left_in(tmp_path) == ["body", "body.json"]
    again = HttpSource(allowed_networks=LOOPBACK, limits=LIMITS)
    assert fetch(again, server.url("reset/1/x"), tmp_path).sha256 == hashlib.sha256(DATA).hexdigest()
    assert_goes_on(server.ranges("reset/1/x"))
    impatient.close()
    again.close()


@pytest.mark.parametrize(("path", "data"), [("changed/x", CHANGED), ("liar/x", DATA)])
def test_pieces_of_two_files_are_never_put_together(
    server: Source, source: HttpSource, tmp_path: Path, path: str, data: bytes
) -> None:
    assert fetch(source, server.url(path), tmp_path).path.read_bytes() == data


@pytest.mark.parametrize("path", ["slow/x", "stalled/x", "endless/x"])
def test_a_cancelled_transfer_stops_at_once_whatever_the_source_does(server: Source, tmp_path: Path, path: str) -> None:
    patient = HttpSource(allowed_networks=LOOPBACK, limits=FetchLimits(read_seconds=60))
    cancelled = threading.Event()

    def progress(_done: int, _total: int | None) -> None:
        if cancelled.is_set():
            raise DownloadCancelled

    began = []

    def cancel() -> None:
        began.append(time.monotonic())
        cancelled.set()

    timer = threading.Timer(0.3, cancel)
    timer.start()
    with pytest.raises(DownloadCancelled):
        fetch(patient, server.url(path), tmp_path, progress)
    assert time.monotonic() - began[0] < 2
    assert left_in(tmp_path) == []
    timer.join()
    patient.close()


@pytest.mark.parametrize("name", ["a.tif", "../../x", "/etc/passwd", "a\x00b", "CON", "x" * 300, "ä.tif"])
def test_a_hostile_name_is_only_a_name(server: Source, source: HttpSource, tmp_path: Path, name: str) -> None:
    file = fetch(source, server.url(f"named/{quote(quote(name, safe=''), safe='')}"), tmp_path)
    assert "/" not in file.name
    assert file.path.parent == tmp_path


def test_a_private_address_is_refused_before_anything_is_sent(server: Source, tmp_path: Path) -> None:
    strict = HttpSource(limits=LIMITS)
    for url in (server.url("plain/x"), f"http://localhost:{server.port}/plain/x", "http://[::1]/x", "http://0.0.0.0/x"):
        with pytest.raises(AddressRefused):
            fetch(strict, url, tmp_path)
    assert server.seen("plain/x") == 0
    strict.close()


def test_an_unknown_name_is_a_passing_fault(tmp_path: Path) -> None:
    lost = HttpSource(limits=FetchLimits(tries=1))
    with pytest.raises(SourceUnavailable, match="name"):
        fetch(lost, "http://no-such-host.invalid/x", tmp_path)
    lost.close()


def test_tls_is_verified_for_the_name_although_the_address_is_connected_to(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    one_try = FetchLimits(tries=1)
    with Source(tls=context) as server:
        good = f"https://localhost:{server.port}/plain/x"
        networks = (*LOOPBACK, AllowedNetwork.parse("::1/128"))
        knows = HttpSource(allowed_networks=networks, limits=one_try, ssl_context=trusting)
        assert fetch(knows, good, tmp_path).size == len(DATA)
        with pytest.raises(SourceUnavailable, match="certificate"):
            fetch(knows, f"https://127.0.0.1:{server.port}/plain/x", tmp_path)
        stranger = HttpSource(allowed_networks=networks, limits=one_try)
        with pytest.raises(SourceUnavailable, match="certificate"):
            fetch(stranger, good, tmp_path)
        knows.close()
        stranger.close()


def test_looking_tells_name_and_size_without_the_bytes(server: Source, source: HttpSource) -> None:
    (found,) = source.inspect(wanted(server.url("plain/a.bin")))
    assert (found.name, found.size, found.url) == ("a.bin", len(DATA), server.url("plain/a.bin"))
    with pytest.raises(SourceMissing):
        source.inspect(wanted(server.url("status/404/x")))


def test_a_source_that_only_keeps_the_connection_open_is_left(server: Source, tmp_path: Path) -> None:
    hurried = HttpSource(
        allowed_networks=LOOPBACK, limits=FetchLimits(tries=1, least_bytes_per_second=10**6, speed_seconds=0.6)
    )
    began = time.monotonic()
    with pytest.raises(TransferInterrupted, match="slowly"):
        fetch(hurried, server.url("slow/x"), tmp_path)
    assert time.monotonic() - began < 5
    hurried.close()
