"""A real mail server that keeps what it takes, and behaves as badly as the recipient's name says."""

import asyncio
import email
import email.policy
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Received:
    """One mail that was taken."""

    recipient: str
    message: EmailMessage

    @property
    def message_id(self) -> str:
        """What tells mail programs that two mails are the same one."""
        return str(self.message["Message-ID"])


class MailServer:
    """Takes mails on a port, in a thread of this process.

    `refused…@` is refused for good. Each mail to `greylisted…@`, `hanging…@` or `dying…@` meets that trouble the first
    time: the first is put off, the second is never answered, the third is taken but the connection dies before it is
    said. Everybody else has good mail.
    """

    def __init__(self, port: int) -> None:
        """Nothing listens yet."""
        self.taken: list[Received] = []
        self._port = port
        self._troubled: set[str] = set()
        self._waiting = 0
        self._controller: Controller | None = None

    def __enter__(self) -> Self:
        self.come_back()
        return self

    def __exit__(self, *_error: object) -> None:
        self.go_away()

    def come_back(self) -> None:
        """Take mails, if it does not already."""
        if self._controller is not None:
            return
        self._controller = Controller(self, hostname=HOST, port=self._port, enable_SMTPUTF8=True)
        self._controller.start()

    def go_away(self) -> None:
        """Take no connections any more."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def to(self, recipient: str) -> list[Received]:
        """Return what came for somebody."""
        return [mail for mail in list(self.taken) if mail.recipient == recipient]

    def is_keeping_waiting(self) -> bool:
        """Return whether somebody waits for an answer that will not come."""
        return self._waiting > 0

    async def handle_RCPT(  # noqa: N802 - its name there
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse those who are not there."""
        if address.startswith("refused"):
            return "550 5.1.1 There is nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 Well known"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name there
        """Take the mail, or make the trouble that its recipient stands for."""
        content = envelope.content
        assert isinstance(content, bytes)
        (recipient,) = envelope.rcpt_tos
        mail = Received(recipient=recipient, message=email.message_from_bytes(content, policy=email.policy.default))
        trouble = self._first_trouble(mail)
        if trouble == "greylisted":
            return "451 4.7.1 Greylisted, come back later"
        if trouble == "hanging":
            self._waiting += 1
            try:
                # Cancelled when the client has had enough.
                await asyncio.Event().wait()
            finally:
                self._waiting -= 1
        self.taken.append(mail)
        if trouble == "dying":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 Taken"

    def _first_trouble(self, mail: Received) -> str:
        """Return the trouble of this recipient, once for each mail."""
        if mail.message_id in self._troubled:
            return ""
        self._troubled.add(mail.message_id)
        troubles = ("greylisted", "hanging", "dying")
        return next((trouble for trouble in troubles if mail.recipient.startswith(trouble)), "")
