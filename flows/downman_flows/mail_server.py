"""The mail server, reached with what Prefect's block `EmailServerCredentials` holds.

prefect-email's own `get_server()` has no time-out, so that a mail server that hangs would hang the run; and its
`email_send_message` sends text and HTML as two attachments instead of two forms of one message.
"""

import smtplib
import ssl
from email.message import EmailMessage
from enum import Enum
from types import TracebackType
from typing import Self

from prefect_email import EmailServerCredentials
from prefect_email.credentials import SMTPType

#: SMTP's replies from here on are for good (RFC 5321, 4.2.1).
_PERMANENT = 500


class MailServer:
    """One connection, opened at the first mail and again after each failure."""

    def __init__(self, credentials: EmailServerCredentials, *, timeout_seconds: float) -> None:
        """Prepare; nothing is opened yet."""
        self._credentials = credentials
        self._timeout_seconds = timeout_seconds
        self._connection: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Say good-bye."""
        self._close()

    def send(self, message: EmailMessage) -> None:
        """Send one mail; raises `OSError` or `smtplib.SMTPException`, after which the next mail starts afresh."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.send_message(message)
        except (OSError, smtplib.SMTPException):
            self._close()
            raise

    def _connect(self) -> smtplib.SMTP:
        credentials = self._credentials
        host = _value(credentials.smtp_server)
        kind = SMTPType[credentials.smtp_type] if isinstance(credentials.smtp_type, str) else credentials.smtp_type
        port = credentials.smtp_port or kind.value
        context = ssl.create_default_context()
        if not credentials.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if kind is SMTPType.SSL:
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=self._timeout_seconds, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=self._timeout_seconds)
        try:
            if kind is SMTPType.STARTTLS:
                server.starttls(context=context)
            if credentials.username:
                server.login(credentials.username, credentials.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def is_for_good(error: Exception) -> bool:
    """Return whether the mail server will refuse this mail for ever."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= _PERMANENT for code, _ in error.recipients.values())
    # A refused login or sender is the administrators' to mend; the mail waits for them.
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= _PERMANENT


def in_words(error: Exception) -> str:
    """Say what the mail server said, for administrators."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(f"{code} {_decoded(reason)}" for code, reason in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_decoded(error.smtp_error)}"
    return f"{type(error).__name__}: {error}"


def _decoded(text: bytes | str) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else text


def _value(server: Enum | str) -> str:
    return str(server.value) if isinstance(server, Enum) else server
