"""The mail server: reached and logged in to as the runs that send mails do it."""

import os
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

from downman.prefect_api import PrefectApi
from downman.settings import app_settings
from downman_ops.doctor.findings import BOOTSTRAP, Finding, ok, warning, wrong
from downman_ops.doctor.mail_connection import Login, MailServerError, connected

PART, TEST_PART = "mail server", "test mail"
#: How long the mail server may take for each answer, where no test mail is sent.
CHECK_SECONDS = 5.0
#: What the environment says -> what it is of a login. The environment is the truth; the block is written from it.
VARIABLES: Mapping[str, str] = {
    "DOWNMAN_MAIL_HOST": "host",
    "DOWNMAN_MAIL_PORT": "port",
    "DOWNMAN_MAIL_TYPE": "kind",
    "DOWNMAN_MAIL_USER": "user",
    "DOWNMAN_MAIL_PASSWORD": "password",
}


def check_mail_server(api: PrefectApi, *, test_mail_to: str | None) -> Iterator[Finding]:
    """Log in with what Prefect's block holds; send a test mail where somebody wants one."""
    name = app_settings().mail_block
    blocks = "block_types/slug/email-server-credentials/block_documents/name"
    block = api.find("GET", f"{blocks}/{quote(name, safe='')}?include_secrets=true")
    if block is None:
        hint = f"Set DOWNMAN_MAIL_HOST and what belongs to it, then: {BOOTSTRAP}"
        yield wrong(PART, f"Prefect has no block {name} with the mail server's login", hint)
        return
    data: Mapping[str, Any] = block["data"]
    patience = app_settings().mail_timeout_seconds
    # A look is one of many, made every few minutes; who sends a test mail waits for it.
    login = Login.from_block(data, timeout_seconds=patience if test_mail_to else min(patience, CHECK_SECONDS))
    yield from _differing(login)
    if not data.get("verify", True):
        yield warning(PART, "the block says that certificates are not verified", BOOTSTRAP)
    try:
        with connected(login) as server:
            yield _reached(login, server)
            if test_mail_to is not None:
                yield _send_test(server, test_mail_to)
    except MailServerError as exc:
        yield wrong(exc.part or PART, f"{login.host}:{login.port} ({login.kind}) {exc}", exc.hint)


def _differing(login: Login) -> Iterator[Finding]:
    differing = [
        variable
        for variable, name in VARIABLES.items()
        if variable in os.environ and os.environ[variable] != str(getattr(login, name))
    ]
    if differing:
        # What differs is not shown: the password may be among it.
        found = f"Prefect's block differs from the environment here: {', '.join(differing)}"
        yield warning(PART, found, f"{BOOTSTRAP} writes the block from the environment.")


def _reached(login: Login, server: smtplib.SMTP) -> Finding:
    found = f"{login.host}:{login.port} ({login.kind}) answers" + (" and takes the login" if login.user else "")
    if login.user and not isinstance(server.sock, ssl.SSLSocket) and not _is_here(server):
        hint = f"Set DOWNMAN_MAIL_TYPE to STARTTLS or SSL with its port, then: {BOOTSTRAP}"
        return warning(PART, f"{found}, but the password goes there unencrypted", hint)
    return ok(PART, found)


def _is_here(server: smtplib.SMTP) -> bool:
    assert server.sock is not None  # noqa: S101 - it has answered
    return ip_address(server.sock.getpeername()[0].partition("%")[0]).is_loopback


def _send_test(server: smtplib.SMTP, recipient: str) -> Finding:
    sender = app_settings().mail_from
    message = EmailMessage()
    message["From"], message["To"] = sender, recipient
    message["Subject"] = "downman: test mail"
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2] or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("downman's doctor was asked to send this. Mails of orders go the same way.\n")
    try:
        server.send_message(message)
    except smtplib.SMTPSenderRefused as exc:
        raise MailServerError(
            f"refuses the sender ({exc.smtp_code})", hint="Set DOWNLOADS_MAIL_FROM to one it takes.", part=TEST_PART
        ) from exc
    except smtplib.SMTPRecipientsRefused as exc:
        codes = ", ".join(sorted({str(code) for code, _ in exc.recipients.values()}))
        hint = "See the address; the mail server's log says why."
        raise MailServerError(f"refuses the recipient ({codes})", hint=hint, part=TEST_PART) from exc
    return ok(TEST_PART, f"taken by the mail server, with the Message-ID {message['Message-ID']}")
