"""The mail server, reached with what Prefect's block `EmailServerCredentials` holds.

prefect-email's own `get_server()` has no time-out, so that a mail server that hangs would hang the run; and its
`email_send_message` sends text and HTML as two attachments instead of two forms of one message.
"""

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from enum import Enum
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from prefect_email import EmailServerCredentials
from prefect_email.credentials import SMTPType

from downman_flows.mail_server_errors import SMTP_ERRORS, MailFault, MailServerError, to_mail_server_error


class MailServer:
    """One connection, opened by `connect` or the first message, and again after each failure.

    Every method that talks to the server raises `MailServerError`, after which the next call starts a new connection.
    """

    def __init__(self, credentials: EmailServerCredentials, *, timeout_seconds: float) -> None:
        """Prepare; nothing is opened yet. The server may take `timeout_seconds` for each answer."""
        kind = credentials.smtp_type
        self._credentials = credentials
        self._timeout_seconds = timeout_seconds
        self._connection: smtplib.SMTP | None = None
        #: How the connection is secured: `SSL`, `STARTTLS` or `INSECURE`.
        self.smtp_type = SMTPType[kind] if isinstance(kind, str) else kind
        server = credentials.smtp_server
        self.host = str(server.value) if isinstance(server, Enum) else server
        self.port: int = credentials.smtp_port or self.smtp_type.value

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._close()

    def connect(self) -> None:
        """Open the connection and log in, unless that is done already."""
        with self._translated():
            self._connected()

    def send(self, message: EmailMessage, *, sender: str, recipient: str) -> None:
        """Send one message to one recipient, whatever its headers say."""
        with self._translated():
            connection = self._connected()
            try:
                connection.send_message(message, from_addr=sender, to_addrs=[recipient])
            except smtplib.SMTPNotSupportedError as exc:
                text = "takes no e-mail addresses with letters beyond ASCII"
                raise MailServerError(MailFault.MESSAGE_REFUSED, text, is_permanent=True) from exc

    @property
    def is_encrypted(self) -> bool:
        """Return whether the open connection is encrypted."""
        return self._connection is not None and isinstance(self._connection.sock, ssl.SSLSocket)

    @property
    def is_on_this_machine(self) -> bool:
        """Return whether the open connection stays on this machine."""
        if self._connection is None or self._connection.sock is None:
            return False
        return ip_address(self._connection.sock.getpeername()[0].partition("%")[0]).is_loopback

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SMTP_ERRORS as exc:
            self._close()
            raise to_mail_server_error(exc, timeout_seconds=self._timeout_seconds) from exc
        except BaseException:
            self._close()
            raise

    def _connected(self) -> smtplib.SMTP:
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if not self._credentials.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.smtp_type is SMTPType.SSL:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=self._timeout_seconds, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self._timeout_seconds)
        try:
            if self.smtp_type is SMTPType.STARTTLS:
                server.ehlo_or_helo_if_needed()
                if not server.has_extn("starttls"):
                    raise MailServerError(MailFault.NO_STARTTLS, "offers no STARTTLS")
                server.starttls(context=context)
            if self._credentials.username:
                server.login(self._credentials.username, self._credentials.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
