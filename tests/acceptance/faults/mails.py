"""Faults of the mail server."""

from collections.abc import Iterator

from tests.acceptance.faults.parts import kill, until
from tests.acceptance.faults.registered import fault
from tests.acceptance.faults.scene import Scene


@fault(
    "mail server knows nobody of that name",
    injected="550 at RCPT for every mail to this address",
    happens="the mails are given up at once, with the server's words; the order is delivered all the same",
)
def refused(scene: Scene) -> Iterator[None]:
    placed = scene.order("plain/refused.bin", recipient="refused@example.org")
    yield
    scene.assert_delivered(placed, mails=())
    scene.eventually(lambda: scene.records.mails(placed.number) == {"received": "failed", "ready": "failed"})
    assert scene.records.mail_tries(placed.number) == [(1, "550 5.1.1 There is nobody of that name")] * 2
    assert scene.mails.to(placed.recipient) == []


@fault(
    "mail server greylists",
    injected="451 for each mail at its first try",
    happens="each mail is tried again and comes once",
)
def greylisted(scene: Scene) -> Iterator[None]:
    placed = scene.order("plain/greylisted.bin", recipient="greylisted@example.org")
    yield
    scene.assert_delivered(placed)
    assert [tries for tries, _ in scene.records.mail_tries(placed.number)] == [2, 2]


@fault(
    "mail server hangs",
    injected="no answer to DATA at the first try of each mail",
    happens="given up after the mail time-out and tried again; each mail comes once",
)
def hanging(scene: Scene) -> Iterator[None]:
    placed = scene.order("plain/hanging.bin", recipient="hanging@example.org")
    yield
    scene.assert_delivered(placed)
    assert [tries for tries, _ in scene.records.mail_tries(placed.number)] == [2, 2]


@fault(
    "mail server dies after it has taken a mail",
    injected="the connection is cut between the end of DATA and the answer, at the first try of each mail",
    happens="nobody can know that it was taken: the mail comes twice with the same Message-ID, by which mail programs"
    " show it once",
)
def dying(scene: Scene) -> Iterator[None]:
    placed = scene.order("plain/dying.bin", recipient="dying@example.org")
    yield
    scene.assert_delivered(placed, mails=())
    scene.eventually(lambda: scene.records.mails(placed.number) == {"received": "sent", "ready": "sent"})
    ids = [mail.message_id for mail in scene.mails.to(placed.recipient)]
    assert len(ids) == 4
    assert len(set(ids)) == 2
    assert sorted(ids) == sorted([*set(ids), *set(ids)])


@fault(
    "mail server is away",
    injected="connections to it are refused while an order is delivered",
    happens="the order is delivered; its mails are sent, each once, when the server is back",
)
def away(scene: Scene) -> None:
    scene.mails.go_away()
    placed = scene.order("plain/away.bin")
    scene.assert_delivered(placed, mails=())
    scene.eventually(lambda: all(tries for tries, _ in scene.records.mail_tries(placed.number)))
    assert "sent" not in scene.records.mails(placed.number).values()
    scene.mails.come_back()
    scene.assert_delivered(placed)


@fault(
    "run that sends mails is killed",
    injected="kill -9 of the run while the mail server keeps it waiting for an answer",
    happens="nobody else touches its mail until all answers would have timed out; then it is sent, once",
)
def sender_killed(scene: Scene) -> None:
    placed = scene.order("plain/sender-killed.bin", recipient="hanging-sender@example.org")
    until(scene.mails.is_keeping_waiting)
    kill([scene.parts.run_that_reads_from(scene.parts.smtp_port)])
    scene.assert_delivered(placed)
