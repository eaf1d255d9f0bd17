"""Orders of data whose source misbehaves: the rest is delivered, and every reason is said."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.demo import DemoProcess
from tests.acceptance.portal import Portal, text_of
from tests.servers import DATA, Source

#: What a part that goes wrong is in the end, and a word of its reason.
BAD = {
    "status/404/x": ("failed", "404"),
    "status/500/x": ("retrying", "500"),
    "short/x": ("retrying", "broke off"),
    "cut/x": ("retrying", "broke off"),
    "endless/x": ("failed", "more than"),
    "halfgzip/x": ("retrying", "broke off"),
    "wrongdigest/Content-MD5/x": ("failed", "checksum"),
    "to/http%3A%2F%2F127.0.0.2%3A80%2Fx": ("failed", "may not open"),
    "to/http%3A%2F%2F169.254.169.254%2Fx": ("failed", "may not open"),
    "to/file%3A%2F%2F%2Fetc%2Fpasswd": ("failed", "may not open"),
}
HOSTILE = ["..%2F..%2Fx.bin", "%2Fetc%2Fcron.d%2Fx", "a%00b.bin", "CON.bin", "n" * 300 + ".bin", "same.bin", "SAME.BIN"]


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with Source() as running:
        yield running


def entry(name: str, url: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "title": name, "source": "http", "url": url, **more}


def at_rest(order: dict[str, Any]) -> bool:
    return not {part["status"] for part in order["resources"]} & {"queued", "fetching"}


def test_every_fault_is_said_the_good_part_comes_and_nothing_is_left(portal: Portal, source: Source) -> None:
    entries = [entry(f"bad-{number}", source.url(path)) for number, path in enumerate(BAD)]
    portal.offer(*entries, entry("good", source.url("plain/good.bin")))
    order_id = portal.order(*(item["id"] for item in entries), "good")
    order = portal.wait(order_id, at_rest)
    assert order["status"] == "partly_ready"
    *bad, good = order["resources"]
    for part, (status, word) in zip(bad, BAD.values(), strict=True):
        assert part["status"] == status, part
        assert word in part["error"]
        assert (part["retry_at"] is not None) == (status == "retrying")
    assert good["status"] == "delivered"

    package = portal.take(order)
    assert package.names == ["good.bin", "manifest.json"]
    assert package.read("good.bin") == DATA
    assert len(package.manifest["left_out"]) == len(BAD)
    portal.wait_until_nothing_is_staged()
    _received, progress = portal.mails(order_id, 2)
    assert order["links"][0]["url"] in text_of(progress)


def test_the_next_try_is_a_scheduled_run_that_prefect_shows(portal: Portal, demo: DemoProcess, source: Source) -> None:
    portal.offer(entry("down", source.url("status/503/x")))
    order = portal.wait(portal.order("down"), at_rest)
    assert order["status"] == "queued"
    (part,) = order["resources"]

    def scheduled() -> list[str]:
        ours = {"name": {"like_": "package-request-"}, "state": {"type": {"any_": ["SCHEDULED"]}}}
        runs = demo.ask_prefect("POST", "/flow_runs/filter", {"flow_runs": ours})
        return [run["next_scheduled_start_time"][:19] for run in runs]

    portal.poll(scheduled, lambda times: part["retry_at"][:19] in times)


def test_hostile_names_stay_inside_the_package(portal: Portal, demo: DemoProcess, source: Source) -> None:
    entries = [entry(f"name-{number}", source.url(f"named/{name}")) for number, name in enumerate(HOSTILE)]
    portal.offer(*entries)
    before = {path for path in demo.home.rglob("*") if "packages" not in path.parts}
    order = portal.wait(portal.order(*(item["id"] for item in entries)))
    assert order["status"] == "ready"
    package = portal.take(order)
    assert len({name.casefold() for name in package.names}) == len(HOSTILE) + 1
    for name in package.names:
        assert not set(name) & set('/\\\x00:*?"<>|')
        assert not name.startswith(".")
        assert len(name.encode()) <= 120
    after = {path for path in demo.home.rglob("*") if "packages" not in path.parts}
    strangers = {path for path in after - before if path.suffix == ".bin"}
    assert strangers == set()


def test_a_transfer_is_stopped_when_its_order_is_cancelled(portal: Portal, source: Source) -> None:
    portal.offer(entry("slow", source.url("slow/x")))
    order_id = portal.order("slow")
    portal.wait(order_id, lambda order: order["progress"]["bytes_done"] > 0)
    began = time.monotonic()
    assert portal.http.post(f"/downloads/api/requests/{order_id}/cancel/").json()["status"] == "cancelled"
    portal.poll(portal.staged, lambda files: files == [])
    assert time.monotonic() - began < 3


def test_a_file_outside_the_allowed_folders_is_refused_also_behind_a_link(portal: Portal, demo: DemoProcess) -> None:
    files = demo.home / "files"
    files.mkdir(exist_ok=True)
    (files / "out.txt").symlink_to("/etc/passwd")
    (files / "good.txt").write_text("hello")
    paths = {"passwd": "/etc/passwd", "out": f"{files}/out.txt", "up": f"{files}/../secrets/django-secret-key"}
    entries = [{"id": name, "title": name, "source": "file", "url": f"file://{path}"} for name, path in paths.items()]
    portal.offer(*entries, {"id": "good-file", "title": "x", "source": "file", "url": f"file://{files}/good.txt"})
    order = portal.wait(portal.order(*paths, "good-file"))
    assert order["status"] == "ready_with_errors"
    assert [part["status"] for part in order["resources"]] == ["failed"] * 3 + ["delivered"]
    assert portal.take(order).names == ["good.txt", "manifest.json"]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"id": "x"}], "Entry 1"),
        ([{"id": "x", "title": "x", "source": "carrier-pigeon", "url": "http://x/"}], "carrier-pigeon"),
        ([{"id": "../x", "title": "x", "source": "http", "url": "http://x/"}], "Letters, digits"),
        ([{"id": "x", "title": "x", "source": "http", "url": "http://x/", "colour": "red"}], "colour"),
        ({"id": "x"}, "list"),
    ],
)
def test_a_catalogue_that_makes_no_sense_is_refused_in_one_sentence(
    portal: Portal, demo: DemoProcess, entries: Any, words: str
) -> None:
    file = demo.home / "bad.json"
    file.write_text(json.dumps(entries))
    done = demo.downman("manage", "import_catalogue", str(file))
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
