"""Where faults are injected: the parts, sources, a mail server, and what must be true of an order in the end."""

import hashlib
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from downman.domain.jobs import Job
from tests.acceptance.faults.mail_server import MailServer
from tests.acceptance.faults.parts import Parts, until
from tests.acceptance.faults.prefect_side import Prefect
from tests.acceptance.faults.records import Records
from tests.acceptance.portal import ENDED, Package, Portal, text_of
from tests.servers import DATA, Source

#: Seconds between two looks for what stalled that a test asks for, where it does not wait for the full minute.
HURRY_SECONDS = 3
#: Seconds in which Prefect gives up a run of which it hears nothing.
SILENCE_SECONDS = 150
CLEARED_SECONDS = 5
READY_MAILS = ("received", "ready")
_NUMBERS = itertools.count(1)


class Person(Portal):
    """Somebody who orders, and whose mails come to a server of the tests."""

    def __init__(self, parts: Parts, mails: MailServer) -> None:
        """Use these parts."""
        super().__init__(parts)
        self._mails = mails

    def mails_so_far(self, order_id: str) -> list[EmailMessage]:
        """Return the mails about an order that have come."""
        return [mail.message for mail in list(self._mails.taken) if order_id in text_of(mail.message)]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An order that was stored."""

    id: str
    #: Its number in the database.
    number: int
    recipient: str
    #: The paths of what was ordered.
    paths: tuple[str, ...]


class Scene:
    """All that a fault may hurt, and the ways to see what came of it."""

    def __init__(self, parts: Parts, mails: MailServer, source: Source, expired: Source) -> None:
        """Use what runs; the certificate of the source `expired` ran out."""
        self.parts = parts
        self.mails = mails
        self.source = source
        self.expired = expired
        self.person = Person(parts, mails)
        self.prefect = Prefect(parts)
        self.records = Records(parts)
        #: Orders of which a run died where nobody could tell Prefect: its place is freed when it was silent for long.
        self.silenced: list[Placed] = []
        #: How many seconds things took, by what they are.
        self.measured: dict[str, float] = {}

    # Ordering.

    def order(self, *paths: str, recipient: str = "") -> Placed:
        """Order what lies behind paths of the source, or at whole addresses, for a recipient of its own."""
        names = [self.records.offer(path if "://" in path else self.source.url(path)) for path in paths]
        recipient = recipient or f"{names[0]}@example.org"
        return self.placed(self.person.order(*names, email=recipient), recipient, *paths)

    def placed(self, order_id: str, recipient: str, *paths: str) -> Placed:
        """Return an order that somebody has placed."""
        return Placed(id=order_id, number=self.records.number_of(order_id), recipient=recipient, paths=paths)

    def order_gated(self) -> Placed:
        """Order what comes slowly from its middle on, until its gate is opened, and wait until half of it is there."""
        placed = self.order(f"gated/{next(_NUMBERS)}.bin")
        until(lambda: self.look(placed)["progress"]["bytes_done"] > 0)
        return placed

    def open_gate(self, placed: Placed) -> None:
        """Let the rest of what was ordered come."""
        self.source.open_gate(placed.paths[0])

    def cancel(self, placed: Placed) -> None:
        """Cancel an order, as the one who ordered it."""
        answer = self.person.http.post(f"/downloads/api/requests/{placed.id}/cancel/").raise_for_status()
        assert answer.json()["status"] == "cancelled"

    # Waiting.

    def look(self, placed: Placed) -> dict[str, Any]:
        """Return how an order stands."""
        return self.person.look(placed.id)

    def part(self, placed: Placed) -> dict[str, Any]:
        """Return how the first part of an order stands."""
        part: dict[str, Any] = self.look(placed)["resources"][0]
        return part

    def fetched(self, placed: Placed) -> int:
        """Say how often the source was asked for the first part of an order."""
        return self.source.seen(placed.paths[0])

    def until_taken_up_again(self, placed: Placed, *, seconds: float) -> float:
        """Wait until another run goes on with an order where the first one stopped; give the seconds that it took."""
        took = until(lambda: self.fetched(placed) > 1, seconds=seconds)
        first, second, *_ = self.source.ranges(placed.paths[0])
        assert first is None
        assert second is not None
        return took

    def eventually(self, condition: Callable[[], object], *, seconds: float = 90) -> None:
        """Wait until something is true, with looks for what stalled again and again meanwhile."""
        asked = time.monotonic()

        def is_true() -> object:
            nonlocal asked
            if time.monotonic() > asked + HURRY_SECONDS:
                asked = time.monotonic()
                self.prefect.start(Job.RECOVER_STALLED)
            return condition()

        until(is_true, seconds=seconds)

    def until_status(self, placed: Placed, *statuses: str) -> dict[str, Any]:
        """Wait until an order has come to one of these states, and give it."""
        self.eventually(lambda: self.look(placed)["status"] in statuses)
        return self.look(placed)

    def until_part(self, placed: Placed, status: str) -> dict[str, Any]:
        """Wait until the first part of an order has come to a state, and give that part."""
        until(lambda: self.part(placed)["status"] == status)
        return self.part(placed)

    # How it must end.

    def assert_delivered(
        self, placed: Placed, *, data: Sequence[bytes] = (), mails: Sequence[str] = READY_MAILS
    ) -> None:
        """Wait for an order to be ready: one good package, each mail once, nothing left behind."""
        order = self.until_status(placed, *ENDED)
        assert order["status"] == "ready", order
        self.assert_package(order, data or [DATA] * len(placed.paths))
        self.assert_nothing_left(placed)
        if mails:
            self.assert_mails(placed, mails)

    def assert_failed(self, placed: Placed, code: str) -> None:
        """Wait for an order to fail for good: no package, a mail that says why, nothing left behind."""
        order = self.until_status(placed, *ENDED)
        assert order["status"] == "failed", order
        assert order["links"] == []
        assert self.records.errors(placed.number) == [code]
        self.assert_nothing_left(placed)
        self.assert_mails(placed, ("received", "failed"))
        why = order["resources"][0]["error"]
        assert any(why in " ".join(text_of(mail.message).split()) for mail in self.mails.to(placed.recipient)), why

    def assert_cancelled(self, placed: Placed) -> None:
        """Wait for nothing of a cancelled order to be left; the one who cancelled it gets no mail about that."""
        assert self.look(placed)["status"] == "cancelled"
        assert self.look(placed)["links"] == []
        self.assert_nothing_left(placed)
        self.assert_mails(placed, ["received"])

    def assert_package(self, order: dict[str, Any], data: Sequence[bytes]) -> Package:
        """Take the one package of an order: it is what its link says, and each file what the manifest says."""
        package = self.person.take(order)
        (link,) = order["links"]
        assert (link["size"], link["sha256"]) == (len(package.data), hashlib.sha256(package.data).hexdigest())
        files = package.manifest["files"]
        assert package.names == [*(file["name"] for file in files), "manifest.json"]
        for file in files:
            content = package.read(file["name"])
            assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert sorted(package.read(file["name"]) for file in files) == sorted(data)
        return package

    def assert_mails(self, placed: Placed, kinds: Sequence[str]) -> None:
        """Wait until exactly these mails were sent, each of them once."""
        self.eventually(lambda: self.records.mails(placed.number) == dict.fromkeys(kinds, "sent"))
        ids = [mail.message_id for mail in self.mails.to(placed.recipient)]
        assert len(ids) == len(set(ids)) == len(kinds), ids

    def assert_nothing_left(self, placed: Placed) -> None:
        """Wait until no run holds an order or a place, and nothing but its packages lies anywhere."""
        folders = self.parts.folders
        packages = folders.packages / f"{placed.number:010d}"
        self.eventually(lambda: not self.records.is_held(placed.number))
        if placed not in self.silenced:
            until(lambda: not self.prefect.is_under_way(placed.number))
        # What a dead run has left is deleted just after its hold has ended.
        until(lambda: not files_below(folders.staging / str(placed.number)), seconds=CLEARED_SECONDS)
        found = sorted(path.relative_to(folders.packages).as_posix() for path in files_below(packages))
        assert found == self.records.packages(placed.number)

    def assert_places_freed(self) -> None:
        """Wait until no run that died in silence holds a place of its queue any more."""
        until(
            lambda: not any(self.prefect.is_under_way(placed.number) for placed in self.silenced),
            seconds=SILENCE_SECONDS,
        )


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder, which need not be there."""
    return [path for path in folder.rglob("*") if path.is_file()]
