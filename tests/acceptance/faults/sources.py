"""Faults of sources: they break off, send nonsense, ask to wait, or are gone."""

from collections.abc import Iterator
from datetime import datetime

from tests.acceptance.faults.registered import fault
from tests.acceptance.faults.scene import Scene
from tests.servers import CHANGED, DATA

#: Seconds: a source that asks to wait for longer than half a minute is left to a later run.
LONG = 35


@fault(
    "source breaks off, then is well",
    injected="the connection is reset after a third and after two thirds of the file",
    happens="the same run resumes where it broke off; delivered",
)
def breaks(scene: Scene) -> Iterator[None]:
    placed = scene.order("reset/2/x.bin")
    yield
    scene.assert_delivered(placed)
    first, *later = scene.source.ranges("reset/2/x.bin")
    assert first is None
    assert len(later) == 2
    assert all(later)


@fault(
    "source always sends less than it announced",
    injected="each answer ends after half of its length",
    happens="tried by later runs until it is given up; the order fails and a mail says why",
)
def truncated(scene: Scene) -> Iterator[None]:
    placed = scene.order("short/always.bin")
    yield
    scene.assert_failed(placed, "retries-exhausted")


@fault(
    "source stalls",
    injected="after half of the file not a byte comes for 30 s",
    happens="the connection is given up and the same run resumes where it stopped; delivered",
)
def stalls(scene: Scene) -> Iterator[None]:
    placed = scene.order("drowsy/x.bin")
    yield
    scene.assert_delivered(placed)
    assert scene.source.ranges("drowsy/x.bin")[1:] == ["bytes=131072-"]


@fault(
    "source never ends",
    injected="it sends without announcing a length, and does not stop",
    happens="stopped at the public limit; the order fails and a mail says why",
)
def endless(scene: Scene) -> Iterator[None]:
    placed = scene.order("endless/x.bin")
    yield
    scene.assert_failed(placed, "source-too-large")


@fault(
    "source is busy for seconds",
    injected="429 with `Retry-After: 2`",
    happens="the same run waits and tries again; delivered",
)
def busy_shortly(scene: Scene) -> Iterator[None]:
    placed = scene.order("busy/2/x.bin")
    yield
    scene.assert_delivered(placed)
    assert scene.part(placed)["attempts"] == 1


@fault(
    "source is busy for long",
    injected=f"429 with `Retry-After: {LONG}`",
    happens="the run ends and the order waits as long as the source asks, a day at most; a later run delivers",
)
def busy_long(scene: Scene) -> Iterator[None]:
    placed = scene.order(f"busy/{LONG}/x.bin")
    part = scene.until_part(placed, "retrying")
    waits = datetime.fromisoformat(part["retry_at"]) - datetime.fromisoformat(scene.look(placed)["created_at"])
    assert LONG <= waits.total_seconds() < LONG + 20
    yield
    scene.assert_delivered(placed)
    assert scene.part(placed)["attempts"] == 2


@fault(
    "source is unwell for a moment",
    injected="503 twice, then well",
    happens="the same run tries again; delivered",
)
def unwell_shortly(scene: Scene) -> Iterator[None]:
    placed = scene.order("unwell/2/x.bin")
    yield
    scene.assert_delivered(placed)
    assert scene.part(placed)["attempts"] == 1


@fault(
    "source is unwell for long",
    injected="503 seven times, which is more than a run tries, then well",
    happens="a later run delivers",
)
def unwell_long(scene: Scene) -> Iterator[None]:
    placed = scene.order("unwell/7/x.bin")
    yield
    scene.assert_delivered(placed)
    assert scene.part(placed)["attempts"] == 2


@fault(
    "source changes between break and resumption",
    injected="the connection is reset after half of the file; then the file is another one",
    happens="fetched from its start again, nothing is mixed; the new file is delivered",
)
def changed(scene: Scene) -> Iterator[None]:
    placed = scene.order("changed/x.bin")
    yield
    scene.assert_delivered(placed, data=[CHANGED])


@fault(
    "source's checksum does not fit",
    injected="`Digest` names another checksum than that of what is sent",
    happens="fetched once more, then refused; the order fails and a mail says why",
)
def corrupt(scene: Scene) -> Iterator[None]:
    placed = scene.order("wrongdigest/Digest/x.bin")
    yield
    scene.assert_failed(placed, "source-corrupt")


@fault(
    "certificate has expired",
    injected="an https source whose certificate ran out",
    happens="nothing is fetched; tried by later runs until it is given up; the order fails and a mail says why",
)
def certificate(scene: Scene) -> Iterator[None]:
    placed = scene.order(scene.expired.url("plain/secret.bin"))
    yield
    scene.assert_failed(placed, "retries-exhausted")
    assert scene.expired.seen("plain/secret.bin") == 0


@fault(
    "source's name is gone",
    injected="a URL whose host name cannot be looked up",
    happens="tried by later runs until it is given up; the order fails and a mail says why",
)
def no_name(scene: Scene) -> Iterator[None]:
    placed = scene.order("http://gone.invalid/x.bin")
    yield
    scene.assert_failed(placed, "retries-exhausted")


@fault("source has lost it", injected="404", happens="the order fails at once and a mail says why")
def missing(scene: Scene) -> Iterator[None]:
    placed = scene.order("status/404/x.bin")
    yield
    scene.assert_failed(placed, "source-missing")


@fault("source has withdrawn it", injected="410", happens="the order fails at once and a mail says why")
def gone(scene: Scene) -> Iterator[None]:
    placed = scene.order("status/410/x.bin")
    yield
    scene.assert_failed(placed, "source-missing")


@fault(
    "source leads astray",
    injected="a redirect to a network address inside the network that is not allowed",
    happens="not followed; the order fails at once and a mail says why",
)
def astray(scene: Scene) -> Iterator[None]:
    placed = scene.order("to/http%3A%2F%2F169.254.169.254%2Fx")
    yield
    scene.assert_failed(placed, "address-refused")


@fault(
    "one source of three fails",
    injected="404 for one part, resets for another",
    happens="the others are delivered; the package's manifest and the mail say what is missing and why",
)
def one_of_three(scene: Scene) -> Iterator[None]:
    placed = scene.order("status/404/y.bin", "reset/1/y.bin", "plain/y.bin")
    yield
    order = scene.until_status(placed, "ready_with_errors")
    package = scene.assert_package(order, [DATA, DATA])
    assert [left["code"] for left in package.manifest["left_out"]] == ["source-missing"]
    scene.assert_mails(placed, ("received", "ready_with_errors"))
    scene.assert_nothing_left(placed)


@fault(
    "resource is withdrawn while it waits",
    injected="the source asks to wait; meanwhile the administrator takes the resource out of the catalogue",
    happens="not fetched any more; the order fails and a mail says why",
)
def withdrawn(scene: Scene) -> Iterator[None]:
    placed = scene.order(f"busy/{LONG}/withdrawn.bin")
    scene.until_part(placed, "retrying")
    scene.records.withdraw(scene.source.url(placed.paths[0]))
    yield
    scene.assert_failed(placed, "resource-withdrawn")
    assert scene.fetched(placed) == 1
