"""What can go wrong with a mail server, told apart by who can repair it.

The text of an error never repeats what the server said, which may hold a user or an address; `reply` does, for the
administrators who read the notice.
"""

import smtplib
import socket
import ssl
from collections.abc import Sequence
from enum import Enum, auto

#: SMTP's replies from here on are permanent (RFC 5321, 4.2.1).
_PERMANENT = 500


class MailFault(Enum):
    """What is wrong."""

    HOST_UNKNOWN = auto()
    NOT_LISTENING = auto()
    UNREACHABLE = auto()
    TIMEOUT = auto()
    NO_TLS = auto()
    NO_STARTTLS = auto()
    CERTIFICATE = auto()
    LOGIN_REFUSED = auto()
    LOGIN_UNSUPPORTED = auto()
    LOGIN_METHOD_UNKNOWN = auto()
    LOGIN_NOT_ASCII = auto()
    SENDER_REFUSED = auto()
    RECIPIENT_REFUSED = auto()
    MESSAGE_REFUSED = auto()
    CONNECTION_CLOSED = auto()
    #: It answers with an error to something else.
    REFUSED = auto()


class MailServerError(Exception):
    """The mail server cannot be used, or does not take a message; the text continues a sentence about the server."""

    def __init__(self, fault: MailFault, text: str, *, reply: str = "", is_permanent: bool = False) -> None:
        """Keep what is wrong, what the server said, and whether it will refuse this message every time."""
        self.fault = fault
        self.reply = reply or text
        self.is_permanent = is_permanent
        super().__init__(text)


#: The error of the library -> what is wrong, and its text; the first that fits.
_FAULTS: Sequence[tuple[type[Exception], MailFault, str]] = (
    (smtplib.SMTPAuthenticationError, MailFault.LOGIN_REFUSED, "refuses user and password ({smtp_code})"),
    (smtplib.SMTPSenderRefused, MailFault.SENDER_REFUSED, "refuses the sender ({smtp_code})"),
    (smtplib.SMTPDataError, MailFault.MESSAGE_REFUSED, "refuses the message ({smtp_code})"),
    (smtplib.SMTPNotSupportedError, MailFault.LOGIN_UNSUPPORTED, "takes no login"),
    (smtplib.SMTPServerDisconnected, MailFault.CONNECTION_CLOSED, "ends the connection"),
    (smtplib.SMTPResponseException, MailFault.REFUSED, "refuses to go on ({smtp_code})"),
    (smtplib.SMTPException, MailFault.LOGIN_METHOD_UNKNOWN, "takes no login of a kind that we know"),
    (
        ssl.SSLCertVerificationError,
        MailFault.CERTIFICATE,
        "shows a certificate that is not trusted: {verify_message}",
    ),
    (ssl.SSLError, MailFault.NO_TLS, "does not speak TLS there"),
    (TimeoutError, MailFault.TIMEOUT, "hangs: it does not answer within {timeout_seconds:g} s"),
    (ConnectionRefusedError, MailFault.NOT_LISTENING, "refuses the connection: nothing listens there"),
    (socket.gaierror, MailFault.HOST_UNKNOWN, "is not known by that name"),
    (OSError, MailFault.UNREACHABLE, "cannot be reached: {strerror}"),
    (UnicodeError, MailFault.LOGIN_NOT_ASCII, "takes no user or password with letters beyond ASCII"),
)
#: What `to_mail_server_error` translates.
SMTP_ERRORS = (smtplib.SMTPException, OSError, UnicodeError)


def to_mail_server_error(exc: Exception, *, timeout_seconds: float) -> MailServerError:
    """Return the error that stands for one of `SMTP_ERRORS`."""
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in exc.recipients.values()]
        return MailServerError(
            MailFault.RECIPIENT_REFUSED,
            f"refuses the recipient ({', '.join(sorted({str(code) for code in codes}))})",
            reply="; ".join(f"{code} {_decoded(reason)}" for code, reason in exc.recipients.values()),
            is_permanent=all(code >= _PERMANENT for code in codes),
        )
    # When the wait for an answer times out, smtplib reports a connection that was closed.
    if isinstance(exc, smtplib.SMTPServerDisconnected) and isinstance(exc.__context__, OSError):
        exc = exc.__context__
    fault, text = next((fault, text) for kind, fault, text in _FAULTS if isinstance(exc, kind))
    known = {"strerror": getattr(exc, "strerror", None) or type(exc).__name__, "timeout_seconds": timeout_seconds}
    return MailServerError(
        fault,
        text.format_map(vars(exc) | known),
        reply=f"{exc.smtp_code} {_decoded(exc.smtp_error)}" if isinstance(exc, smtplib.SMTPResponseException) else "",
        # A refused login or sender is for the administrators to repair; the e-mail waits for them.
        is_permanent=isinstance(exc, smtplib.SMTPDataError) and exc.smtp_code >= _PERMANENT,
    )


def _decoded(text: bytes | str) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else text
