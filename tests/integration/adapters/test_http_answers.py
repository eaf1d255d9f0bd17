"""What an HTTP source may answer, and how the fetch ends; the cases are a page of the reference."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from downman.domain.errors import AddressRefused, SourceUnavailable, TransferInterrupted
from downman.domain.ports import FetchRequest, StagedFile
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.http_source import HttpSource
from tests.bad_inputs import Case, ids
from tests.bad_inputs.http import CASES, CUT, DATA, OTHER, TOTAL, Delivered, bare, cut, empty, ok, rest, to
from tests.integration.adapters.conftest import LIMITS, LOOPBACK
from tests.scripted_server import Reply, ScriptedServer

Fetch = Callable[[str], StagedFile]


def wanted(url: str) -> FetchRequest:
    return FetchRequest(resource="x", source="http", url=url)


@pytest.fixture(scope="module")
def source() -> Iterator[HttpSource]:
    """Return one for all: it has no memory."""
    made = HttpSource(allowed_networks=LOOPBACK, limits=LIMITS)
    yield made
    made.close()


@pytest.fixture
def fetch(source: HttpSource, tmp_path: Path) -> Fetch:
    return lambda url: source.fetch(wanted(url), tmp_path, lambda *_: None)[0]


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_each_answer_is_delivered_whole_or_said(case: Case, fetch: Fetch, tmp_path: Path) -> None:
    with ScriptedServer(*case.given) as server:
        if isinstance(case.expected, Delivered):
            file = fetch(server.url())
            assert file.path.read_bytes() == case.expected.data
            assert (file.size, file.proof) == (len(case.expected.data), case.expected.proof)
            assert file.sha256 == hashlib.sha256(case.expected.data).hexdigest()
        else:
            with pytest.raises(case.expected.error, match=case.expected.words):
                fetch(server.url())
            # What may be resumed stays for a later run.
            assert {path.name for path in tmp_path.iterdir()} <= {"body", "body.json"}
        assert len(server.asked) == case.expected.requests
        assert {asked.method for asked in server.asked} == {"GET"}


def test_a_part_is_asked_for_under_the_tag_that_it_had(fetch: Fetch) -> None:
    with ScriptedServer(cut('ETag: "v1"'), rest('ETag: "v1"')) as server:
        fetch(server.url())
        assert (server.asked[1].headers["range"], server.asked[1].headers["if-range"]) == (f"bytes={CUT}-", '"v1"')


def test_a_source_that_breaks_off_every_15_kilobytes_is_finished_in_many_steps(fetch: Fetch) -> None:
    step, tag = 15_000, 'ETag: "v1"'
    data = DATA * 20
    starts = range(0, len(data), step)
    steps = [
        ok(
            data[start : start + step],
            tag,
            *([f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}"] if start else []),
            length=len(data) - start,
            status="206 Partial Content" if start else "200 OK",
        )
        for start in starts
    ]
    with ScriptedServer(*steps) as server:
        file = fetch(server.url())
        assert (file.path.read_bytes(), file.proof) == (data, "content-length")
        assert len(server.asked) == len(starts) > LIMITS.tries


def test_a_source_that_breaks_off_at_the_same_place_is_not_asked_for_ever(fetch: Fetch) -> None:
    with (
        ScriptedServer(cut('ETag: "v1"'), rest('ETag: "v2"'), cut('ETag: "v1"'), rest('ETag: "v2"'), cut()) as server,
        pytest.raises(TransferInterrupted),
    ):
        fetch(server.url())
    assert len(server.asked) <= LIMITS.tries + 1


def test_a_later_run_resumes_only_the_version_that_it_finds(tmp_path: Path) -> None:
    once = HttpSource(allowed_networks=LOOPBACK, limits=replace(LIMITS, tries=1))
    for second, data in ((rest('ETag: "v1"'), DATA), (ok(OTHER, 'ETag: "v2"'), OTHER)):
        with ScriptedServer(cut('ETag: "v1"'), second) as server:
            with pytest.raises(TransferInterrupted):
                once.fetch(wanted(server.url()), tmp_path, lambda *_: None)
            (file,) = once.fetch(wanted(server.url()), tmp_path, lambda *_: None)
            assert file.path.read_bytes() == data
            file.path.unlink()
    once.close()


def test_a_redirect_to_another_place_is_another_file_whatever_its_tag(fetch: Fetch) -> None:
    tag = 'ETag: "v1"'
    script = (to("/mirror-1"), cut(tag), to("/mirror-2"), rest(tag, data=OTHER), to("/mirror-2"), ok(OTHER, tag))
    with ScriptedServer(*script) as server:
        assert fetch(server.url()).path.read_bytes() == OTHER
    with ScriptedServer(to("/a?signed=1"), cut(tag), to("/a?signed=2"), rest(tag)) as server:
        assert fetch(server.url()).path.read_bytes() == DATA


def test_a_cookie_comes_back_within_its_fetch_and_in_no_other(fetch: Fetch) -> None:
    with ScriptedServer(to("/data.bin", "Set-Cookie: seen=1; Path=/"), ok(), ok()) as server:
        fetch(server.url()).path.unlink()
        fetch(server.url())
        assert [asked.headers.get("cookie") for asked in server.asked] == [None, "seen=1", None]


def test_a_place_is_asked_for_in_the_bytes_that_it_was_written_in(fetch: Fetch) -> None:
    with ScriptedServer(to("/espa\u00f1a.bin"), ok()) as server:
        assert fetch(server.url()).final_url == server.url("espa%F1a.bin")
        assert server.asked[1].path == "/espa%F1a.bin"


def test_what_cannot_be_proven_is_not_taken_where_the_site_does_not_allow_it(tmp_path: Path) -> None:
    strict = HttpSource(allowed_networks=LOOPBACK, limits=replace(LIMITS, allows_unproven=False))
    with (
        ScriptedServer(*(bare(DATA + bytes([number])) for number in range(9))) as server,
        pytest.raises(TransferInterrupted, match="how much it sends"),
    ):
        strict.fetch(wanted(server.url()), tmp_path, lambda *_: None)
    assert len(server.asked) == LIMITS.tries
    strict.close()


@pytest.mark.parametrize(
    "head", [empty("405 No"), empty("404 No"), empty("500 No"), ok(b"short"), Reply(hangs=True)], ids=lambda x: x.status
)
def test_what_a_source_answers_to_head_is_of_no_matter(source: HttpSource, head: Reply) -> None:
    with ScriptedServer(ok(), head) as server:
        (found,) = source.inspect(wanted(server.url("a.bin")))
        assert (found.name, found.size) == ("a.bin", TOTAL)


def test_a_source_that_asks_to_wait_for_long_is_asked_once(fetch: Fetch) -> None:
    with ScriptedServer(empty("503 No", "Retry-After: 604800")) as server:
        with pytest.raises(SourceUnavailable) as raised:
            fetch(server.url())
        assert raised.value.retry_after is not None
        assert raised.value.retry_after.days == 7
        assert len(server.asked) == 1


def test_the_limits_that_a_site_has_are_those_of_curl() -> None:
    assert (FetchLimits().max_redirects, FetchLimits().allows_unproven) == (20, True)


def test_a_name_is_looked_up_once_and_what_was_checked_is_connected_to(
    fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the second answer to the same question leads elsewhere."""
    real, asked = socket.getaddrinfo, []

    def rebinding(host: str, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        if host == "rebinding.example":
            host = "127.0.0.1" if asked.count(host) == 1 else "10.0.0.1"
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with ScriptedServer(ok(), ok()) as server:
        assert fetch(f"http://rebinding.example:{server.port}/x").path.read_bytes() == DATA
        assert server.asked[0].headers["host"] == f"rebinding.example:{server.port}"
        assert asked == ["rebinding.example", "127.0.0.1"]
        with pytest.raises(AddressRefused):
            fetch(f"http://rebinding.example:{server.port}/x")


def test_a_redirect_leads_to_no_other_host_although_it_is_in_an_allowed_network(fetch: Fetch) -> None:
    with ScriptedServer(ok()) as inner, ScriptedServer(to(inner.url("secrets"))) as outer:
        with pytest.raises(AddressRefused, match="private"):
            fetch(outer.url())
        assert (len(outer.asked), len(inner.asked)) == (1, 0)
