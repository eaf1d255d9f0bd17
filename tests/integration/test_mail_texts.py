"""What the mails say."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from downman.domain.notices import FOR_ADMINISTRATORS, VERIFICATIONS, NoticeKind
from downman.models import DownloadLink, DownloadRequest, GenericRequest, Notice, Resource, ResourceLocator
from downman.services.mails import Mail, compose, to_email_message
from downman.services.tracking import decision_url, generic_url, link_url, tracking_url
from tests.integration.orders import EMAIL, delivered, order, wish

pytestmark = pytest.mark.django_db

#: Those that lead elsewhere than to the page of what they are about: `test_verification.py`.
ABOUT_ADDRESSES = {*VERIFICATIONS, NoticeKind.ADDRESS_CHANGED}
ABOUT_WISHES = [kind for kind in NoticeKind if kind.startswith("generic_") and kind not in ABOUT_ADDRESSES]
#: Those that go to the person who ordered, with the page of their order.
ABOUT_ORDERS = [kind for kind in NoticeKind if kind not in {*ABOUT_WISHES, *FOR_ADMINISTRATORS, *ABOUT_ADDRESSES}]
NEXT_YEAR = datetime(2099, 7, 1, 15, 30, tzinfo=UTC)


@pytest.fixture
def request_(resource: Resource, roads: Resource) -> DownloadRequest:
    """Return an order of which one part was delivered and the other failed."""
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


def composed(about: DownloadRequest | GenericRequest, kind: NoticeKind, language: str = "en") -> Mail:
    facts = {"kind": kind.value, "fact": "1", "recipient": EMAIL, "language": language, "due_at": NEXT_YEAR}
    if isinstance(about, GenericRequest):
        return compose(Notice(generic_request=about, **facts))
    return compose(Notice(request=about, **facts))


def assert_whole(mail: Mail, *, language: str, says: str, leads_to: str) -> None:
    assert mail.subject
    assert "\n" not in mail.subject
    assert f'<html lang="{language}">' in mail.html
    assert says in mail.text
    assert says.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in mail.html
    assert leads_to in mail.text
    assert leads_to in mail.html
    assert "\n\n\n" not in mail.text
    assert not re.search(r"&\w+;|{{|{%", mail.text)
    assert to_email_message(mail, "downman@example.org")["Subject"] == mail.subject


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("kind", ABOUT_ORDERS)
def test_every_mail_is_whole_in_every_language(request_: DownloadRequest, kind: NoticeKind, language: str) -> None:
    if kind is NoticeKind.ENDED_EARLY:
        request_.links.update(status="expired")
    mail = composed(request_, kind, language)
    assert_whole(mail, language=language, says="Elevation <of> everything & more", leads_to=tracking_url(request_))


@pytest.mark.parametrize("language", ["en", "es"])
def test_administrators_are_told_what_to_decide_on_and_where(
    resource: Resource, roads: Resource, language: str
) -> None:
    Resource.objects.filter(pk="dem").update(title="Elevation <of> everything & more", restricted=True)
    request = order("dem", "roads")
    mail = composed(request, NoticeKind.APPROVAL_NEEDED, language)
    page = decision_url("downloadrequest", request.pk)
    assert page.endswith(f"/admin/downloads/downloadrequest/{request.pk}/change/")
    assert_whole(mail, language=language, says="Elevation <of> everything & more", leads_to=page)
    for form in (mail.subject, mail.text):
        assert request.number in form
    for form in (mail.text, mail.html):
        assert "Roads" not in form
        assert str(request.public_id) not in form
        assert EMAIL not in form


def test_the_first_mail_says_what_is_so_when_it_is_sent(resource: Resource) -> None:
    fetched = "Your data are now being fetched"
    waiting = order("dem")
    assert fetched in composed(waiting, NoticeKind.RECEIVED).text
    sent_late = composed(delivered("dem"), NoticeKind.RECEIVED)
    assert fetched not in sent_late.text
    assert fetched not in sent_late.html
    ResourceLocator.objects.filter(request=waiting).update(status="failed", error_code="source-missing")
    DownloadRequest.objects.filter(pk=waiting.pk).update(status="failed")
    waiting.refresh_from_db()
    assert "\nFailed.\n" in composed(waiting, NoticeKind.RECEIVED).text


def test_administrators_are_told_when_others_were_faster(request_: DownloadRequest) -> None:
    assert "has been decided on meanwhile" in composed(request_, NoticeKind.APPROVAL_NEEDED).text


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("kind", ABOUT_WISHES)
def test_every_mail_about_a_wish_is_whole_in_every_language(db: None, kind: NoticeKind, language: str) -> None:
    stored = wish(usage="A thesis", organisation="UJA")
    answered = kind in {NoticeKind.GENERIC_COMPLETED, NoticeKind.GENERIC_REJECTED}
    if answered:
        stored.answer = "Look <there> & elsewhere"
    mail = composed(stored, kind, language)
    page = generic_url(stored)
    if kind in FOR_ADMINISTRATORS:
        page = decision_url("genericrequest", stored.pk)
        assert str(stored.public_id) not in mail.text + mail.html
    assert_whole(mail, language=language, says="Soil maps of <Jaén> & around", leads_to=page)
    for form in (mail.text, mail.html):
        assert "A thesis" in form
        assert "UJA" in form
    assert ("Look <there> & elsewhere" in mail.text) == answered
    assert ("Look &lt;there&gt; &amp; elsewhere" in mail.html) == answered


@pytest.mark.parametrize(
    "kind", [NoticeKind.READY_WITH_ERRORS, NoticeKind.FAILED, NoticeKind.REJECTED, NoticeKind.CANCELLED]
)
def test_what_an_administrator_wrote_stands_beside_the_resource(request_: DownloadRequest, kind: NoticeKind) -> None:
    request_.locators.filter(position=1).update(
        status="cancelled", approval="rejected", error_code="", decision_note="Only for <members>"
    )
    assert "Roads: Not approved\n  From the administrators:\n> Only for <members>\n" in composed(request_, kind).text
    assert (
        "De los administradores:</span><blockquote>Only for &lt;members&gt;</blockquote>"
        in composed(request_, kind, "es").html
    )


def test_a_mail_about_the_end_says_until_when_the_data_can_be_kept(resource: Resource) -> None:
    lasting, last = delivered("dem", days=1, age_days=6), delivered("dem", days=1, age_days=29)
    assert "“Keep it longer”" in composed(lasting, NoticeKind.EXPIRING).text
    assert "cannot be kept any longer" in composed(last, NoticeKind.EXPIRING).text
    assert link_url(last.links.get()) in composed(last, NoticeKind.EXPIRING).html


@pytest.mark.parametrize(
    "kind", [NoticeKind.PROGRESS, NoticeKind.READY, NoticeKind.READY_WITH_ERRORS, NoticeKind.EXPIRING]
)
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


@pytest.mark.parametrize("kind", ABOUT_WISHES)
def test_what_people_wrote_is_quoted_and_leads_nowhere(db: None, kind: NoticeKind) -> None:
    stored = wish(
        "Your data are ready:\r\nhttps://evil.example/login\u2028www.evil.example\x85-- \nmailto:eve@evil.example",
        usage="see evil\u3002example and \\\\evil\\share; dem v1.25 at 10:30",
        organisation="UJA\nBcc: eve@evil.example",
    )
    stored.answer = "Take it at http://192.0.2.1/x\nor ftp://evil.example."
    mail = composed(stored, kind)
    quoted = [line for line in mail.text.splitlines() if line.startswith(">")]
    for line in ("> Your data are ready:", "> https[:]//evil[.]example/login", "> www[.]evil[.]example", "> --"):
        assert line in quoted
    assert "> UJA Bcc: eve@evil[.]example" in quoted
    assert "> see evil[.]example and \\[\\]evil\\share; dem v1.25 at 10:30" in quoted
    for form in (mail.text, mail.html):
        rest = form.replace(generic_url(stored), "").replace(decision_url("genericrequest", stored.pk), "")
        assert not re.search(r"evil\.example|evil\u3002|://192|mailto:|\\\\evil", rest)
    links = re.findall(r'<a [^>]*href="([^"]*)"', mail.html)
    assert set(links) <= {generic_url(stored), decision_url("genericrequest", stored.pk)}
    assert "\n" not in mail.subject


def test_a_note_and_a_title_stay_where_they_belong(request_: DownloadRequest) -> None:
    Resource.objects.filter(pk="roads").update(title="Roads\n\nDear customer")
    request_.locators.filter(position=1).update(decision_note="See\nhttp://evil.example")
    mail = composed(request_, NoticeKind.FAILED)
    assert "* Roads Dear customer: Failed\n  The data source no longer has this (HTTP 404)." in mail.text
    assert "\n  From the administrators:\n> See\n> http[:]//evil[.]example\n" in mail.text
    assert "<blockquote>See<br>http[:]//evil[.]example</blockquote>" in mail.html
