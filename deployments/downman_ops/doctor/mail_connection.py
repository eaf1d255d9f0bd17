"""A connection to the mail server, and what can go wrong with it, in words.

What a mail server says is not repeated but for its number: it may hold the user, or an address.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from downman_ops.doctor.findings import BOOTSTRAP

_PORTS = {"SSL": 465, "STARTTLS": 587, "INSECURE": 25}
_TYPE = f"See DOWNMAN_MAIL_TYPE and DOWNMAN_MAIL_PORT (SSL 465, STARTTLS 587), then: {BOOTSTRAP}"
_HOST = f"See that it runs, and DOWNMAN_MAIL_HOST and DOWNMAN_MAIL_PORT; then: {BOOTSTRAP}"
_TRUST = "Give it a certificate for that name, or trust its authority (SSL_CERT_FILE), here and for the workers."
_USER = f"Set DOWNMAN_MAIL_USER and DOWNMAN_MAIL_PASSWORD, then: {BOOTSTRAP}"


class MailServerError(Exception):
    """What is wrong with the mail server: its text goes on after the server's name."""

    def __init__(self, found: str, *, hint: str, part: str = "") -> None:
        """Keep what to do about it."""
        self.hint = hint
        self.part = part
        super().__init__(found)


@dataclass(frozen=True, kw_only=True)
class Login:
    """How the mail server is reached."""

    host: str
    port: int
    #: `SSL`, `STARTTLS` or `INSECURE`.
    kind: str
    user: str
    password: str = field(repr=False)
    timeout_seconds: float

    @classmethod
    def from_block(cls, data: Mapping[str, Any], *, timeout_seconds: float) -> Self:
        """Read what Prefect's block `EmailServerCredentials` holds."""
        by_port = {port: kind for kind, port in _PORTS.items()}
        kind = data.get("smtp_type") or "SSL"
        kind = by_port.get(kind, "SSL") if isinstance(kind, int) else str(kind).upper()
        return cls(
            host=str(data.get("smtp_server") or ""),
            port=int(data.get("smtp_port") or _PORTS.get(kind, 25)),
            kind=kind,
            user=data.get("username") or "",
            password=data.get("password") or "",
            timeout_seconds=timeout_seconds,
        )


@contextmanager
def connected(login: Login) -> Iterator[smtplib.SMTP]:
    """Return a connection that is logged in. Raises `MailServerError`, also for what goes wrong while it is used."""
    try:
        server = _connect(login)
        try:
            if login.kind == "STARTTLS":
                server.ehlo_or_helo_if_needed()
                if not server.has_extn("starttls"):
                    raise MailServerError("offers no STARTTLS", hint=_TYPE)
                server.starttls(context=ssl.create_default_context())
            if login.user:
                server.login(login.user, login.password)
            yield server
        finally:
            server.close()
    except (smtplib.SMTPException, OSError, ValueError) as exc:
        raise _in_words(exc, login) from exc


def _connect(login: Login) -> smtplib.SMTP:
    if login.kind == "SSL":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(login.host, login.port, timeout=login.timeout_seconds, context=context)
    return smtplib.SMTP(login.host, login.port, timeout=login.timeout_seconds)


#: What went wrong -> its words, and what to do; the first that fits.
_WORDS: Sequence[tuple[type[Exception], str, str]] = (
    (smtplib.SMTPAuthenticationError, "refuses user and password ({smtp_code})", _USER),
    (smtplib.SMTPNotSupportedError, "takes no login", f"{_USER}. {_TYPE}"),
    (smtplib.SMTPServerDisconnected, "ends the connection", _TYPE),
    (smtplib.SMTPResponseException, "refuses to go on ({smtp_code})", "The mail server's log says why."),
    (smtplib.SMTPException, "takes no login of a kind that we know", _USER),
    (ssl.SSLCertVerificationError, "shows a certificate that is not trusted: {verify_message}", _TRUST),
    (ssl.SSLError, "does not speak TLS there", _TYPE),
    (TimeoutError, "hangs: it does not answer within {timeout_seconds:g} s", f"{_HOST}. {_TYPE}"),
    (ConnectionRefusedError, "is refused: nothing listens there", _HOST),
    (socket.gaierror, "is not known by that name", _HOST),
    (OSError, "cannot be reached: {strerror}", _HOST),
    (UnicodeError, "takes no user or password with letters beyond ASCII", _USER),
    (Exception, "cannot be used: what the block holds is no login", _HOST),
)


def _in_words(exc: Exception, login: Login) -> MailServerError:
    # Where an answer was waited for in vain, smtplib speaks of a connection that was ended.
    if isinstance(exc, smtplib.SMTPServerDisconnected) and isinstance(exc.__context__, OSError):
        exc = exc.__context__
    words, hint = next((words, hint) for kind, words, hint in _WORDS if isinstance(exc, kind))
    known = {"strerror": getattr(exc, "strerror", ""), "timeout_seconds": login.timeout_seconds}
    return MailServerError(words.format_map(vars(exc) | known), hint=hint)
