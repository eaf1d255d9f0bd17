"""The doctor logs in to the mail server as mails of orders do, and says what is wrong with it, without its password."""

import json
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from prefect_email import EmailServerCredentials

from downman_flows.mail_server import MailServer
from downman_flows.mail_server_errors import MailFault
from downman_ops.doctor.mail_server import HINTS, get_login
from downman_ops.launch import ports
from downman_ops.settings import PREFIX, PoolSettings
from tests.certificates import expired_certificate, good_certificate, server_context
from tests.integration.monitoring.test_doctor import Found, doctor, hints, of, one
from tests.integration.prefect_server import AUTH, PrefectServer
from tests.integration.test_mail_modes import HOST, PASSWORD, USER, Keeping, listening, trusted

__all__ = ["trusted"]
pytestmark = pytest.mark.django_db
WRONG = "not the right one"
TO = "you@example.org"
#: An address of this machine that is not its loopback; none is sent anything.
PROBE = ("192.0.2.1", 9)
Look = Callable[..., Found]


class Reading(Keeping):
    """Keeps the mails themselves too, and refuses who it is told to."""

    def __init__(self, refused: str = "") -> None:
        super().__init__()
        self.refused = refused
        self.mails: list[bytes] = []

    async def handle_RCPT(  # noqa: N802 - its name there
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == self.refused:
            return f"550 {address} is not known here"
        envelope.rcpt_tos.append(address)
        return "250 taken"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name there
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
def look(settings: Any, prefect_server: PrefectServer) -> Look:
    """Return a way to put a login into Prefect and to run the doctor, whose words never hold a password."""
    settings.DOWNLOADS_PREFECT_API_URL = prefect_server.url
    settings.DOWNLOADS_PREFECT_API_AUTH_STRING = AUTH
    settings.DOWNLOADS_MAIL_FROM = "Portal <portal@example.org>"
    settings.DOWNLOADS_MAIL_TIMEOUT_SECONDS = 1

    def run(port: int, kind: str, *options: str, host: str = HOST, **login: Any) -> Found:
        block = EmailServerCredentials(smtp_server=host, smtp_port=port, smtp_type=kind, **login)
        block.save("downman-mail", overwrite=True)
        _, found = doctor(*options)
        for secret in (PASSWORD, WRONG):
            assert secret not in json.dumps(found)
        return found

    return run


def test_an_open_connection_with_a_test_mail(look: Look) -> None:
    handler = Reading()
    with listening(handler) as (_, port):
        found = look(port, "INSECURE", f"--mail={TO}")

    assert one(found, "mail server") == f"ok: {HOST}:{port} (INSECURE) answers"
    (mail,) = handler.mails
    assert b"From: Portal <portal@example.org>" in mail
    assert b"To: you@example.org" in mail
    message_id = one(found, "test mail").rpartition(" ")[2]
    assert f"Message-ID: {message_id}".encode() in mail
    assert TO not in json.dumps(found)


def test_without_a_wish_no_mail_is_sent(look: Look) -> None:
    handler = Reading()
    with listening(handler) as (_, port):
        look(port, "INSECURE")
    assert handler.mails == []


def test_starttls_with_a_login(look: Look, trusted: ssl.SSLContext) -> None:
    handler = Reading()
    with listening(handler, tls_context=trusted, require_starttls=True, auth_required=True) as (_, port):
        found = look(port, "STARTTLS", f"--mail={TO}", username=USER, password=PASSWORD)
    assert one(found, "mail server") == f"ok: {HOST}:{port} (STARTTLS) answers and takes the login"
    assert handler.encrypted == [True]


def test_tls_from_the_first_byte_with_a_login(look: Look, trusted: ssl.SSLContext) -> None:
    handler = Reading()
    with listening(handler, ssl_context=trusted, auth_require_tls=False) as (_, port):
        found = look(port, "SSL", f"--mail={TO}", username=USER, password=PASSWORD)
    assert one(found, "mail server") == f"ok: {HOST}:{port} (SSL) answers and takes the login"
    assert handler.encrypted == [True]


def test_a_wrong_password(look: Look, trusted: ssl.SSLContext) -> None:
    with listening(tls_context=trusted, require_starttls=True, auth_required=True) as (_, port):
        found = look(port, "STARTTLS", username=USER, password=WRONG)
    assert one(found, "mail server") == f"wrong: {HOST}:{port} (STARTTLS) refuses user and password (535)"
    assert "DOWNMAN_MAIL_PASSWORD" in hints(found, "mail server")[0]


@pytest.mark.parametrize("kind", ["STARTTLS", "SSL"])
def test_a_certificate_that_nobody_trusts(look: Look, tmp_path: Path, kind: str) -> None:
    context = server_context(good_certificate(tmp_path))
    with listening(tls_context=context) if kind == "STARTTLS" else listening(ssl_context=context) as (_, port):
        found = look(port, kind)
    assert "shows a certificate that is not trusted: self-signed certificate" in one(found, "mail server")
    assert "SSL_CERT_FILE" in hints(found, "mail server")[0]


def test_a_certificate_that_is_over(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = expired_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with listening(tls_context=server_context(file)) as (_, port):
        assert "certificate has expired" in one(look(port, "STARTTLS"), "mail server")


def test_a_block_that_verifies_no_certificate_is_used_so_and_is_to_be_looked_at(look: Look, tmp_path: Path) -> None:
    with listening(tls_context=server_context(good_certificate(tmp_path))) as (_, port):
        found = look(port, "STARTTLS", verify=False)
    assert of(found, "mail server") == [
        ("warning", "the block says that certificates are not verified"),
        ("ok", f"{HOST}:{port} (STARTTLS) answers"),
    ]


def test_a_server_without_starttls_is_told_no_password(look: Look) -> None:
    with listening(auth_require_tls=False) as (_, port):
        found = look(port, "STARTTLS", username=USER, password=PASSWORD)
    assert one(found, "mail server") == f"wrong: {HOST}:{port} (STARTTLS) offers no STARTTLS"


def test_a_server_that_takes_no_login(look: Look) -> None:
    with listening() as (_, port):
        found = look(port, "INSECURE", username=USER, password=PASSWORD)
    assert one(found, "mail server") == f"wrong: {HOST}:{port} (INSECURE) takes no login"


def test_tls_where_none_is_spoken(look: Look) -> None:
    with listening() as (_, port):
        assert one(look(port, "SSL"), "mail server") == f"wrong: {HOST}:{port} (SSL) does not speak TLS there"


@pytest.mark.parametrize(("kind", "patience", "seconds"), [("INSECURE", 30, 5), ("STARTTLS", 1, 1), ("SSL", 1, 1)])
def test_a_server_that_hangs_costs_no_more_than_its_time(
    look: Look, settings: Any, kind: str, patience: int, seconds: int
) -> None:
    settings.DOWNLOADS_MAIL_TIMEOUT_SECONDS = patience
    with socket.create_server((HOST, 0)) as silent:
        port = int(silent.getsockname()[1])
        began = time.monotonic()
        words = f"hangs: it does not answer within {seconds} s"
        assert one(look(port, kind), "mail server") == f"wrong: {HOST}:{port} ({kind}) {words}"
    assert time.monotonic() - began < seconds + 5


def test_a_server_that_is_not_there(look: Look) -> None:
    port = ports.any_free()
    found = look(port, "INSECURE")
    assert one(found, "mail server") == f"wrong: {HOST}:{port} (INSECURE) refuses the connection: nothing listens there"
    found = look(25, "INSECURE", host="no-such-host.invalid")
    assert "is not known by that name" in one(found, "mail server")


def test_a_password_that_goes_unencrypted_to_another_machine_is_to_be_looked_at(look: Look) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(PROBE)
        except OSError:
            pytest.skip("this machine has no address but its loopback")
        host = probe.getsockname()[0]
    with listening(hostname=host, auth_require_tls=False) as (_, port):
        found = look(port, "INSECURE", host=host, username=USER, password=PASSWORD)
    assert one(found, "mail server").startswith("warning: ")
    assert "unencrypted" in one(found, "mail server")


def test_a_password_beyond_ascii_is_said_without_any_of_it(look: Look) -> None:
    with listening(auth_require_tls=False) as (_, port):
        found = look(port, "INSECURE", username=USER, password="contraseña")
    assert "beyond ASCII" in one(found, "mail server")
    assert "contrase" not in json.dumps(found)
    assert "\\xf1" not in json.dumps(found)


def test_a_test_mail_that_is_refused_names_nobody(look: Look) -> None:
    with listening(Reading(refused=TO)) as (_, port):
        found = look(port, "INSECURE", f"--mail={TO}")
    assert one(found, "test mail") == f"wrong: {HOST}:{port} (INSECURE) refuses the recipient (550)"
    assert TO not in json.dumps(found)


def test_a_block_that_is_not_there(look: Look, settings: Any) -> None:
    settings.DOWNLOADS_MAIL_BLOCK = "another/block?"
    found = look(25, "INSECURE")
    assert one(found, "mail server") == "wrong: Prefect has no block another/block? with the mail server's login"


def test_an_environment_that_says_something_else_than_the_block(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(auth_require_tls=False) as (_, port):
        for name, value in {"HOST": HOST, "PORT": str(port), "TYPE": "INSECURE", "USER": USER}.items():
            monkeypatch.setenv(f"{PREFIX}MAIL_{name}", value)
        monkeypatch.setenv("DOWNMAN_MAIL_PASSWORD", PASSWORD)
        found = look(port, "INSECURE", username=USER, password=PASSWORD)
        assert one(found, "mail server").startswith("ok: ")

        monkeypatch.setenv("DOWNMAN_MAIL_PASSWORD", WRONG)
        monkeypatch.setenv("DOWNMAN_MAIL_PORT", "587")
        found = look(port, "INSECURE", username=USER, password=PASSWORD)
    said = "Prefect's block differs from the environment here: DOWNMAN_MAIL_PORT, DOWNMAN_MAIL_PASSWORD"
    assert of(found, "mail server")[0] == ("warning", said)
    assert "downman bootstrap" in hints(found, "mail server")[0]


def test_the_variables_are_those_that_the_block_is_written_from() -> None:
    names = {f"{PREFIX}{name.upper()}" for name in PoolSettings.model_fields if name.startswith("mail_")}
    credentials = EmailServerCredentials(smtp_server=HOST, smtp_port=25, smtp_type="INSECURE")
    assert set(get_login(credentials, MailServer(credentials, timeout_seconds=1))) == names - {f"{PREFIX}MAIL_BLOCK"}


def test_there_is_a_hint_for_every_fault() -> None:
    assert set(HINTS) == set(MailFault)
