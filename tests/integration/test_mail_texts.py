"""What the mails say."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from django_integration.domain.notices import NoticeKind
from django_integration.downloads.models import DownloadLink, DownloadRequest, Notice, Resource, ResourceLocator
from django_integration.downloads.services.mails import Mail, compose, to_email_message
from django_integration.downloads.services.tracking import link_url, tracking_url
from tests.integration.orders import EMAIL, order

pytestmark = pytest.mark.django_db

NEXT_YEAR = datetime(2099, 7, 1, 15, 30, tzinfo=UTC)


@pytest.fixture
def request_(resource: Resource, roads: Resource) -> DownloadRequest:
    """Give an order of which one part was delivered and the other failed."""
    Resource.objects.filter(pk="dem").update(title="Elevation <of> everything & more")
    request = order("dem", "roads")
    link = DownloadLink.objects.create(
        request=request, delivery="package", name="download.zip", target="1/1/x.zip", size=12_345, sha256="ab" * 32,
        expires_at=NEXT_YEAR,
    )  # fmt: skip
    ResourceLocator.objects.filter(request=request, position=0).update(status="delivered", link=link)
    ResourceLocator.objects.filter(request=request, position=1).update(
        status="failed", error_code="source-missing", error_details={"reason": "HTTP 404"}
    )
    return request


def composed(request: DownloadRequest, kind: NoticeKind, language: str = "en") -> Mail:
    return compose(
        Notice(request=request, kind=kind.value, fact="1", recipient=EMAIL, language=language, due_at=NEXT_YEAR)
    )


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_every_mail_is_whole_in_every_language(request_: DownloadRequest, kind: NoticeKind, language: str) -> None:
    mail = composed(request_, kind, language)
    assert mail.subject
    assert "\n" not in mail.subject
    assert tracking_url(request_) in mail.text
    assert tracking_url(request_) in mail.html
    assert f'<html lang="{language}">' in mail.html
    assert "Elevation <of> everything & more" in mail.text
    assert "Elevation &lt;of&gt; everything &amp; more" in mail.html
    assert "\n\n\n" not in mail.text
    assert not re.search(r"&\w+;|{{|{%", mail.text)
    assert to_email_message(mail, "downman@example.org")["Subject"] == mail.subject


@pytest.mark.parametrize("kind", [NoticeKind.PROGRESS, NoticeKind.READY, NoticeKind.READY_WITH_ERRORS])
def test_a_mail_with_data_says_all_of_the_link(request_: DownloadRequest, kind: NoticeKind) -> None:
    mail = composed(request_, kind)
    for form in (mail.text, mail.html):
        assert link_url(request_.links.get()) in form
        assert "ab" * 32 in form
        assert "12.3\N{NO-BREAK SPACE}kB" in form
        assert "July 1, 2099, 3:30 p.m. UTC" in form


@pytest.mark.parametrize("kind", [NoticeKind.READY_WITH_ERRORS, NoticeKind.FAILED])
def test_a_mail_about_errors_says_which_and_why(request_: DownloadRequest, kind: NoticeKind) -> None:
    english, spanish = composed(request_, kind), composed(request_, kind, "es")
    assert "Roads: Failed\n  The data source no longer has this (HTTP 404)." in english.text
    assert "Roads: Fallido\n  La fuente de datos ya no lo tiene (HTTP 404)." in spanish.text


def test_times_are_those_of_the_site_and_say_so(request_: DownloadRequest, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Madrid"
    assert "1 de julio de 2099 a las 17:30 CEST" in composed(request_, NoticeKind.READY, "es").text


def test_a_link_that_ended_is_not_offered(request_: DownloadRequest) -> None:
    request_.links.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert "/links/" not in composed(request_, NoticeKind.READY).text


def test_a_mail_that_is_composed_again_has_the_same_id(request_: DownloadRequest, settings: Any) -> None:
    settings.DOWNLOADS_SITE_URL = "https://portal.example.org:8443/sub"
    notice = request_.notices.get()
    assert compose(notice).message_id == compose(notice).message_id == f"<{notice.message_key}@portal.example.org>"
