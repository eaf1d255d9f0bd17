"""The mail server: reached and logged in to by the mail client of the runs that send e-mails."""

import os
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import ValidationError

from downman.prefect_api import PrefectApi
from downman.settings import app_settings
from downman_flows.mail_server_errors import MailFault, MailServerError
from downman_ops.doctor.findings import BOOTSTRAP, Finding, ok, warning, wrong
from downman_ops.launch.own_site import get_mail_variables

if TYPE_CHECKING:
    from prefect_email import EmailServerCredentials

    from downman_flows.mail_server import MailServer

PART, TEST_PART = "mail server", "test mail"
#: How long the mail server may take for each answer, where no test e-mail is sent.
CHECK_SECONDS = 5.0
_TYPE = (
    "See DOWNMAN_MAIL_TYPE and DOWNMAN_MAIL_PORT (SSL 465, STARTTLS 587), or EMAIL_USE_SSL, EMAIL_USE_TLS and "
    f"EMAIL_PORT of the site; then: {BOOTSTRAP}"
)
_HOST = (
    "See that it runs, and DOWNMAN_MAIL_HOST and DOWNMAN_MAIL_PORT, or EMAIL_HOST and EMAIL_PORT of the site; then: "
    f"{BOOTSTRAP}"
)
_USER = (
    "Set DOWNMAN_MAIL_USER and DOWNMAN_MAIL_PASSWORD, or EMAIL_HOST_USER and EMAIL_HOST_PASSWORD of the site; then: "
    f"{BOOTSTRAP}"
)
#: What to do about each fault. The texts of the faults repeat nothing that the server said but its number.
HINTS: Mapping[MailFault, str] = {
    MailFault.HOST_UNKNOWN: _HOST,
    MailFault.NOT_LISTENING: _HOST,
    MailFault.UNREACHABLE: _HOST,
    MailFault.TIMEOUT: f"{_HOST}. {_TYPE}",
    MailFault.NO_TLS: _TYPE,
    MailFault.NO_STARTTLS: _TYPE,
    MailFault.CERTIFICATE: "Give it a certificate for that name, or trust its authority (SSL_CERT_FILE), here and for "
    "the workers.",
    MailFault.LOGIN_REFUSED: _USER,
    MailFault.LOGIN_UNSUPPORTED: f"{_USER}. {_TYPE}",
    MailFault.LOGIN_METHOD_UNKNOWN: _USER,
    MailFault.LOGIN_NOT_ASCII: _USER,
    MailFault.SENDER_REFUSED: "Set DOWNLOADS_MAIL_FROM to an e-mail address that it takes.",
    MailFault.RECIPIENT_REFUSED: "See the e-mail address; the mail server's log says why.",
    MailFault.MESSAGE_REFUSED: "The mail server's log says why.",
    MailFault.CONNECTION_CLOSED: _TYPE,
    MailFault.REFUSED: "The mail server's log says why.",
}
#: Faults of a message, for which the test e-mail stands, and not of the server.
_OF_THE_MESSAGE = {MailFault.SENDER_REFUSED, MailFault.RECIPIENT_REFUSED, MailFault.MESSAGE_REFUSED}


def check_mail_server(api: PrefectApi, *, test_mail_to: str | None) -> Iterator[Finding]:
    """Log in with what Prefect's block holds; send a test e-mail where one was asked for."""
    # They load Prefect, for which the other checks need not wait.
    from prefect_email import EmailServerCredentials  # noqa: PLC0415

    from downman_flows.mail_server import MailServer  # noqa: PLC0415

    name = app_settings().mail_block_name
    blocks = "block_types/slug/email-server-credentials/block_documents/name"
    # Not by the block's class, which tells the server of every reading.
    block = api.find("GET", f"{blocks}/{quote(name, safe='')}?include_secrets=true")
    if block is None:
        hint = f"Set DOWNMAN_MAIL_HOST, or EMAIL_HOST of the site, and what belongs to it; then: {BOOTSTRAP}"
        yield wrong(PART, f"Prefect has no block {name} with the mail server's login", hint)
        return
    try:
        credentials = EmailServerCredentials.model_validate(block["data"])
    except ValidationError:
        yield wrong(PART, f"Prefect's block {name} cannot be used: what it holds is no login", _HOST)
        return
    seconds = app_settings().mail_timeout_seconds
    # A check is one of many, made every few minutes; who sends a test e-mail waits for it.
    server = MailServer(credentials, timeout_seconds=seconds if test_mail_to else min(seconds, CHECK_SECONDS))
    where = f"{server.host}:{server.port} ({server.smtp_type.name})"
    yield from _differences(get_login(credentials, server))
    if not credentials.verify:
        yield warning(PART, "the block says that certificates are not verified", BOOTSTRAP)
    with server:
        try:
            server.connect()
            yield _answers(where, server, has_login=bool(credentials.username))
            if test_mail_to is not None:
                yield _send_test(server, test_mail_to)
        except MailServerError as exc:
            yield wrong(TEST_PART if exc.fault in _OF_THE_MESSAGE else PART, f"{where} {exc}", HINTS[exc.fault])


def get_login(credentials: "EmailServerCredentials", server: "MailServer") -> Mapping[str, Any]:
    """Return what the block holds, by the variables from which it is written."""
    return {
        "DOWNMAN_MAIL_HOST": server.host,
        "DOWNMAN_MAIL_PORT": server.port,
        "DOWNMAN_MAIL_TYPE": server.smtp_type.name,
        "DOWNMAN_MAIL_USER": credentials.username or "",
        "DOWNMAN_MAIL_PASSWORD": credentials.password.get_secret_value() if credentials.password else "",
    }


def _differences(login: Mapping[str, Any]) -> Iterator[Finding]:
    """Compare with the environment, or else the settings of the site, from which the block is written."""
    from_site = get_mail_variables(os.environ)
    wanted = {**from_site, **os.environ}
    differing = [name for name, value in login.items() if name in wanted and wanted[name] != str(value)]
    if differing:
        # What differs is not shown: the password may be among it.
        source = "the site's EMAIL_ settings" if from_site else "the environment"
        found = f"Prefect's block differs from {source} here: {', '.join(differing)}"
        yield warning(PART, found, f"{BOOTSTRAP} writes the block from {source}.")


def _answers(where: str, server: "MailServer", *, has_login: bool) -> Finding:
    found = f"{where} answers" + (" and takes the login" if has_login else "")
    if has_login and not server.is_encrypted and not server.is_on_this_machine:
        hint = f"Set DOWNMAN_MAIL_TYPE to STARTTLS or SSL with its port, then: {BOOTSTRAP}"
        return warning(PART, f"{found}, but the password goes there unencrypted", hint)
    return ok(PART, found)


def _send_test(server: "MailServer", recipient: str) -> Finding:
    """Send a test e-mail. Raises `MailServerError`."""
    sender = app_settings().mail_from
    message = EmailMessage()
    message["From"], message["To"] = sender, recipient
    message["Subject"] = "downman: test mail"
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2] or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("downman's doctor was asked to send this. E-mails about orders are sent in the same way.\n")
    server.send(message, sender=parseaddr(sender)[1], recipient=recipient)
    return ok(TEST_PART, f"taken by the mail server, with the Message-ID {message['Message-ID']}")
