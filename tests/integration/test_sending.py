"""Sending what is due, to a real SMTP server that takes it, refuses it, or hangs."""

import os
import socket
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import SMTP as SMTP_POLICY
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.test import Client
from prefect_email import EmailServerCredentials

from downman.domain.errors import OrderRefused
from downman.models import Notice, Resource
from downman_flows.runs.sending import send_due
from tests.bad_inputs.email_addresses import ONE_MAILBOX
from tests.integration.orders import order

pytestmark = pytest.mark.django_db


class MailServer:
    """Answers each recipient by the name before the @."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802 - its name there
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse, put off, or take."""
        if address.startswith("nobody"):
            return "550 5.1.1 no such user"
        if address.startswith("later"):
            return "450 4.2.0 greylisted, come back"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name there
        """Take it."""
        self.taken.append(envelope)
        return "250 taken"


@pytest.fixture
def mail_server() -> Iterator[tuple[MailServer, EmailServerCredentials]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    handler = MailServer()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, credentials(port)
    controller.stop()


def credentials(port: int) -> EmailServerCredentials:
    return EmailServerCredentials(smtp_server="127.0.0.1", smtp_port=port, smtp_type="INSECURE")


def message_id_of(envelope: Envelope) -> str:
    assert isinstance(envelope.content, bytes)
    return str(message_from_bytes(envelope.content)["Message-ID"])


def states() -> dict[str, tuple[str, str]]:
    return {notice.recipient: (notice.status, notice.last_error) for notice in Notice.objects.all()}


def test_each_mail_ends_as_its_server_says_and_none_keeps_the_others_back(
    mail_server: tuple[MailServer, EmailServerCredentials], resource: Resource
) -> None:
    handler, block = mail_server
    for name in ("nobody", "ana", "later", "bea"):
        order("dem", email=f"{name}@example.org")
    sent = send_due(block)
    assert (sent.sent, sent.failed) == (2, 2)
    assert states() == {
        "nobody@example.org": ("failed", "550 5.1.1 no such user"),
        "ana@example.org": ("sent", ""),
        "later@example.org": ("retrying", "450 4.2.0 greylisted, come back"),
        "bea@example.org": ("sent", ""),
    }
    assert [envelope.rcpt_tos for envelope in handler.taken] == [["ana@example.org"], ["bea@example.org"]]
    again = send_due(block)
    assert (again.sent, again.failed, len(handler.taken)) == (0, 0, 2)


def test_a_mail_has_one_message_id_however_often_it_is_tried(
    mail_server: tuple[MailServer, EmailServerCredentials], resource: Resource
) -> None:
    handler, block = mail_server
    order("dem")
    send_due(block)
    Notice.objects.update(status="pending", sent_at=None, due_at=Notice.objects.get().created_at)
    send_due(block)
    first, second = (message_id_of(envelope) for envelope in handler.taken)
    assert first == second


@pytest.mark.parametrize("kind", ["hanging", "away"])
def test_a_server_that_hangs_or_is_away_is_tried_again_later(resource: Resource, settings: Any, kind: str) -> None:
    settings.DOWNLOADS_MAIL_TIMEOUT_SECONDS = 0.3
    order("dem")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        if kind == "away":
            deaf.close()
        began = time.monotonic()
        sent = send_due(credentials(port))
    assert time.monotonic() - began < 3
    assert (sent.sent, sent.failed) == (0, 1)
    (status, error) = states()["ana@example.org"]
    assert status == "retrying"
    assert error


#: Each as it is written, and the one recipient that the mail server is told.
MAILBOXES = [(text, used) for _what, text, used in ONE_MAILBOX]


@pytest.mark.parametrize(("text", "used"), MAILBOXES)
def test_a_mail_goes_to_one_recipient_who_is_given_and_not_read_from_a_header(
    mail_server: tuple[MailServer, EmailServerCredentials], resource: Resource, text: str, used: str
) -> None:
    handler, block = mail_server
    order("dem", email=text)
    assert send_due(block).sent == 1
    # The library gives what is not ASCII as it decodes file names.
    told = [os.fsencode(recipient).decode() for recipient in handler.taken[0].rcpt_tos]
    assert (told, len(handler.taken)) == ([used], 1)
    content = handler.taken[0].content
    assert isinstance(content, bytes)
    to = message_from_bytes(content, policy=SMTP_POLICY.clone(utf8=True))["To"]
    assert [os.fsencode(address.addr_spec).decode() for address in to.addresses] == [used]


@pytest.mark.parametrize(
    "stored",
    [
        "inj@a.example\uff0cb\uff20b.example", "inj@a.example,eve@b.example", '"ana,eve"@example.org',
        "=?utf-8?q?b=40b.example=2C?=@a.example", "<eve@b.example>", "ana@example.org\r\nBcc: eve@b.example",
        "Ana <eve@b.example>", "ana@example.org (eve@b.example)",
    ],
)  # fmt: skip
def test_what_earlier_versions_stored_and_may_be_several_is_mailed_to_nobody(
    mail_server: tuple[MailServer, EmailServerCredentials], resource: Resource, stored: str
) -> None:
    handler, block = mail_server
    order("dem")
    Notice.objects.update(recipient=stored)
    assert (send_due(block).failed, handler.taken) == (1, [])
    assert Notice.objects.get().status == "failed"


def test_letters_that_the_mail_server_does_not_take_are_told_on_the_page(
    client: Client, resource: Resource, settings: Any
) -> None:
    handler = MailServer()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port, enable_SMTPUTF8=False)
    controller.start()
    try:
        placed = order("dem", email="jos\xe9@example.org")
        assert (send_due(credentials(port)).failed, handler.taken) == (1, [])
    finally:
        controller.stop()
    assert Notice.objects.get().last_error == "takes no e-mail addresses with letters beyond ASCII"
    page = client.get(f"/downloads/requests/{placed.public_id}/").content.decode()
    assert "could not be delivered to this address" in page
    settings.DOWNLOADS_MAIL_SMTPUTF8 = False
    with pytest.raises(OrderRefused, match="such letters before the @"):
        order("dem", email="jos\xe9@example.org")
