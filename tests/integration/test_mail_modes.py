"""The ways in which a mail server is reached: open, by STARTTLS, by TLS from the first byte; and what can go wrong."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from prefect_email import EmailServerCredentials

from downman.models import Notice, Resource
from downman_flows.runs.sending import send_due
from tests.certificates import good_certificate, server_context
from tests.integration.orders import order

pytestmark = pytest.mark.django_db
HOST, USER, PASSWORD = "127.0.0.1", "portal", "let me in"


class Keeping:
    """Keeps what comes, with how it came."""

    def __init__(self) -> None:
        self.encrypted: list[bool] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name there
        """Note whether it came over TLS."""
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 taken"


def knows(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    """Let one user in."""
    is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


@contextmanager
def listening(handler: Keeping | None = None, *, hostname: str = HOST, **options: Any) -> Iterator[tuple[Keeping, int]]:
    with socket.socket() as probe:
        probe.bind((hostname, 0))
        port = int(probe.getsockname()[1])
    handler = handler or Keeping()
    controller = Controller(handler, hostname=hostname, port=port, authenticator=knows, **options)
    controller.start()
    try:
        yield handler, port
    finally:
        controller.stop()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return a server's certificate that this process trusts, as an administrator sets it."""
    file = good_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return server_context(file)


def block(port: int, kind: str, **options: Any) -> EmailServerCredentials:
    return EmailServerCredentials(smtp_server=HOST, smtp_port=port, smtp_type=kind, **options)


def test_an_open_connection(resource: Resource) -> None:
    order("dem")
    with listening() as (server, port):
        assert send_due(block(port, "INSECURE")).sent == 1
    assert server.encrypted == [False]


def test_starttls_with_a_login(resource: Resource, trusted: ssl.SSLContext) -> None:
    order("dem")
    with listening(tls_context=trusted, require_starttls=True, auth_required=True) as (server, port):
        assert send_due(block(port, "STARTTLS", username=USER, password=PASSWORD)).sent == 1
    assert server.encrypted == [True]


def test_tls_from_the_first_byte_with_a_login(resource: Resource, trusted: ssl.SSLContext) -> None:
    order("dem")
    with listening(ssl_context=trusted, auth_require_tls=False) as (server, port):
        assert send_due(block(port, "SSL", username=USER, password=PASSWORD)).sent == 1
    assert server.encrypted == [True]


def test_a_wrong_password_is_for_the_administrators_and_the_mail_waits(
    resource: Resource, trusted: ssl.SSLContext
) -> None:
    order("dem")
    with listening(tls_context=trusted, require_starttls=True, auth_required=True) as (server, port):
        assert send_due(block(port, "STARTTLS", username=USER, password="wrong")).failed == 1
    notice = Notice.objects.get()
    assert (notice.status, server.encrypted) == ("retrying", [])
    assert notice.last_error.startswith("535")
    assert "wrong" not in notice.last_error


def test_a_certificate_that_nobody_trusts_is_not_accepted(resource: Resource, tmp_path: Path) -> None:
    order("dem")
    with listening(tls_context=server_context(good_certificate(tmp_path))) as (server, port):
        assert send_due(block(port, "STARTTLS")).failed == 1
    assert server.encrypted == []
    assert "certificate" in Notice.objects.get().last_error


def test_a_server_without_starttls_gets_no_mail_in_the_open(resource: Resource) -> None:
    order("dem")
    with listening() as (server, port):
        assert send_due(block(port, "STARTTLS")).failed == 1
    assert server.encrypted == []
    assert "STARTTLS" in Notice.objects.get().last_error


def test_a_server_that_never_speaks_costs_no_more_than_its_time(resource: Resource, settings: Any) -> None:
    settings.DOWNLOADS_MAIL_TIMEOUT_SECONDS = 1
    order("dem")
    with socket.create_server((HOST, 0)) as silent:
        began = time.monotonic()
        assert send_due(block(int(silent.getsockname()[1]), "INSECURE")).failed == 1
    assert time.monotonic() - began < 5
    assert Notice.objects.get().status == "retrying"
