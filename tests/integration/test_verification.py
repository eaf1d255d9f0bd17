"""Confirming an e-mail address before anything is fetched or sent, and correcting one."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from downman.domain.errors import ConfirmationRefused, IllegalTransition, OrderRefused
from downman.domain.status import GenericStatus
from downman.models import AddressVerification, DownloadRequest, GenericRequest, Notice, Resource, ResourceLocator
from downman.services import cancelling, change_email, generic, retention, tracking, verification
from downman.services.leases import claim
from downman.services.mails import InvalidRecipient, Mail, compose
from downman.services.recovery import recover_stalled
from tests.integration.orders import EMAIL, order, wish

pytestmark = pytest.mark.django_db

API = "/downloads/api/requests/"


@pytest.fixture(autouse=True)
def always(settings: Any) -> None:
    settings.DOWNLOADS_VERIFY_EMAIL = "always"


def kinds(about: DownloadRequest | GenericRequest) -> list[tuple[str, str]]:
    return [(notice.kind, notice.recipient) for notice in about.notices.order_by("pk")]


def asked_of(about: DownloadRequest | GenericRequest) -> AddressVerification:
    found = about.verifications.last()
    assert found is not None
    return found


def link_of(about: DownloadRequest | GenericRequest) -> str:
    return f"/downloads/confirm/{asked_of(about).token}/"


def status_of(about: DownloadRequest | GenericRequest) -> str:
    about.refresh_from_db()
    return about.status


def let_pass(about: DownloadRequest | GenericRequest, **time: int) -> None:
    """Have an order, its link and its mails be made so long ago."""
    before = timezone.now() - timedelta(**time)
    type(about).objects.filter(pk=about.pk).update(created_at=before)
    about.verifications.update(created_at=before)
    about.notices.update(created_at=before)


def mail_to(about: DownloadRequest | GenericRequest, kind: str, language: str = "en") -> Mail:
    notice = about.notices.filter(kind=kind).last()
    assert notice is not None
    notice.language = language
    return compose(notice)


def test_until_it_is_confirmed_one_mail_goes_out_and_nothing_is_fetched(client: Client, resource: Resource) -> None:
    Resource.objects.filter(pk="dem").update(restricted=False)
    placed = client.post(
        API, {"email": EMAIL, "resources": [{"resource": "dem"}]}, content_type="application/json"
    ).json()
    assert placed["status"] == "unverified"
    request = DownloadRequest.objects.get()
    assert kinds(request) == [("verify_address", EMAIL)]
    assert (request.due_at, request.attempt) == (None, 0)
    assert claim(request.pk, owner="run", free_bytes=10**12) is None
    assert recover_stalled().started == ()
    answer = client.get(f"{API}{placed['id']}/").json()
    assert (answer["status"], answer["queue_position"]) == ("unverified", None)
    page = client.get(f"/downloads/requests/{placed['id']}/").content.decode()
    assert "Confirm your e-mail address" in page
    assert EMAIL in page
    assert "Send the e-mail with the link again" in page


def test_programs_that_open_every_link_confirm_nothing(client: Client, resource: Resource) -> None:
    request = order("dem")
    page = client.get(link_of(request))
    client.head(link_of(request))
    assert status_of(request) == "unverified"
    text = page.content.decode()
    assert EMAIL in text
    assert request.number in text
    assert str(request.public_id) not in text
    assert "no-store" in page["Cache-Control"]
    assert "noindex" in page["X-Robots-Tag"]

    assert client.post(link_of(request))["Location"] == f"/downloads/requests/{request.public_id}/"
    assert status_of(request) == "queued"
    assert kinds(request) == [("verify_address", EMAIL), ("received", EMAIL)]
    assert request.due_at is not None
    # Once is enough; later the link opens the page of the order.
    assert client.post(link_of(request)).status_code == client.get(link_of(request)).status_code == 302
    assert len(kinds(request)) == 2


def test_the_button_needs_the_page(resource: Resource) -> None:
    request = order("dem")
    assert Client(enforce_csrf_checks=True).post(link_of(request)).status_code == 403
    assert status_of(request) == "unverified"


@pytest.mark.parametrize(("token", "status"), [("x", 404), ("%00", 400), ("\xe9", 404), ("a" * 5000, 404)])
def test_what_is_no_link_is_said_to_be_none(client: Client, db: None, token: str, status: int) -> None:
    assert client.get(f"/downloads/confirm/{token}/").status_code == status
    assert client.post(f"/downloads/confirm/{token}/").status_code == status


def test_administrators_hear_of_it_only_after_that(resource: Resource, settings: Any) -> None:
    settings.DOWNLOADS_ADMINISTRATORS = ["admin@example.org"]
    Resource.objects.filter(pk="dem").update(restricted=True)
    request = order("dem")
    assert kinds(request) == [("verify_address", EMAIL)]
    verification.confirm(asked_of(request))
    assert status_of(request) == "awaiting_approval"
    assert kinds(request)[1:] == [("received", EMAIL), ("approval_needed", "admin@example.org")]


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_mail_has_the_link_and_no_other_way_in(resource: Resource, language: str) -> None:
    request = order("dem")
    mail = mail_to(request, "verify_address", language)
    for form in (mail.text, mail.html):
        assert link_of(request) in form
        assert str(request.public_id) not in form
        assert "Elevation" in form
    stored = wish("Buy at evil.example", organisation="EvilCorp")
    mail = mail_to(stored, "generic_verify_address", language)
    for form in (mail.text, mail.html):
        assert link_of(stored) in form
        assert "evil" not in form.lower()
        assert str(stored.public_id) not in form


def test_what_is_not_confirmed_in_time_ends_without_a_mail(client: Client, resource: Resource) -> None:
    request, stored, young = order("dem"), wish(), order("dem")
    let_pass(request, hours=25)
    let_pass(stored, hours=25)
    assert "is over" in client.post(link_of(request)).content.decode()
    assert client.get(link_of(request)).status_code == 410
    assert status_of(request) == "unverified"
    assert retention.clean_expired().unverified == 2
    assert (status_of(request), status_of(stored), status_of(young)) == ("cancelled", "cancelled", "unverified")
    assert kinds(request) == [("verify_address", EMAIL)]
    assert kinds(stored) == [("generic_verify_address", EMAIL)]
    assert request.locators.get().status == "cancelled"
    assert retention.clean_expired().unverified == 0


def test_one_that_was_cancelled_cannot_be_confirmed(client: Client, resource: Resource) -> None:
    request = order("dem")
    cancelling.cancel_request(request.pk, actor="requester")
    assert client.post(link_of(request)).status_code == 410
    assert status_of(request) == "cancelled"
    by_admin = order("dem")
    cancelling.cancel_request(by_admin.pk, actor="eva")
    assert kinds(by_admin) == [("verify_address", EMAIL)]


def test_a_free_text_request_waits_as_well(client: Client, db: None, settings: Any) -> None:
    settings.DOWNLOADS_ADMINISTRATORS = ["admin@example.org"]
    stored = wish()
    assert kinds(stored) == [("generic_verify_address", EMAIL)]
    assert "Confirm your e-mail address" in client.get(f"/downloads/generic/{stored.public_id}/").content.decode()
    with pytest.raises(IllegalTransition):
        generic.decide(stored.pk, GenericStatus.COMPLETED, actor="eva", answer="Here.")
    client.get(link_of(stored))
    assert status_of(stored) == "unverified"
    assert client.post(link_of(stored))["Location"] == f"/downloads/generic/{stored.public_id}/"
    assert status_of(stored) == "registered"
    assert kinds(stored)[1:] == [("generic_received", EMAIL), ("generic_needed", "admin@example.org")]


def test_the_mail_can_be_asked_for_again_now_and_then(client: Client, resource: Resource) -> None:
    request = order("dem")
    again = f"{API}{request.public_id}/confirmation/"
    assert client.post(again).status_code == 409
    for sent in range(2, verification.MOST_MAILS + 1):
        request.notices.update(status="sent", sent_at=timezone.now())
        let_pass(request, minutes=2)
        assert client.post(again).status_code == 200
        assert len(kinds(request)) == sent
    request.notices.update(status="sent", sent_at=timezone.now())
    let_pass(request, minutes=2)
    refused = client.post(f"/downloads/requests/{request.public_id}/confirmation/")
    assert refused.status_code == 409
    assert "often enough" in refused.content.decode()
    stored = wish()
    assert client.post(f"/downloads/generic/{stored.public_id}/confirmation/").status_code == 409


def test_an_administrator_may_confirm_it(admin_client: Client, resource: Resource) -> None:
    request, stored = order("dem"), wish()
    for model, about in (("downloadrequest", request), ("genericrequest", stored)):
        url = f"/admin/downloads/{model}/{about.pk}/do/confirm-address/{about.pk}/"
        page = admin_client.get(f"/admin/downloads/{model}/{about.pk}/change/").content.decode()
        assert "Confirm the e-mail address" in page, url
    verification.confirm_order(request.pk, actor="eva")
    verification.confirm_free_text_request(stored.pk)
    assert (status_of(request), status_of(stored)) == ("queued", "registered")
    with pytest.raises(IllegalTransition):
        verification.confirm_order(request.pk, actor="eva")


def test_who_has_to_confirm_is_the_sites_choice(resource: Resource, settings: Any) -> None:
    user = User.objects.create_user("ana", email=EMAIL)
    assert order("dem", user=user).status == "unverified"
    settings.DOWNLOADS_VERIFY_EMAIL = "anonymous"
    assert order("dem", user=user).status == "queued"
    assert order("dem").status == "unverified"
    settings.DOWNLOADS_VERIFY_EMAIL = "never"
    assert order("dem").status == "queued"
    assert wish().status == "registered"


def test_what_a_user_has_confirmed_holds_for_that_user_and_a_while(resource: Resource, settings: Any) -> None:
    ana, eve = (User.objects.create_user(name) for name in ("ana", "eve"))
    first = order("dem", user=ana)
    verification.confirm(asked_of(first))
    assert order("dem", user=ana).status == "queued"
    assert order("dem", user=ana, email=EMAIL.capitalize()).status == "queued"
    for other in ({"user": eve}, {"user": None}, {"user": ana, "email": "bea@example.org"}):
        assert order("dem", **other).status == "unverified"
    settings.DOWNLOADS_VERIFIED_EMAIL_DAYS = 0
    assert order("dem", user=ana).status == "unverified"


def test_another_address_of_an_unverified_order_is_asked_instead(client: Client, resource: Resource) -> None:
    request = order("dem", email="ana@gmial.com")
    page = client.get(f"/downloads/requests/{request.public_id}/").content.decode()
    assert "Did you mean ana@gmail.com?" in page
    old = link_of(request)
    sent = Notice.objects.get()
    answer = client.post(f"/downloads/requests/{request.public_id}/email/", {"email": "ana@gmail.com"})
    assert answer.status_code == 302
    # The first mail was not sent yet: it is not owed to a stranger any more.
    assert kinds(request) == [("verify_address", "ana@gmail.com")]
    with pytest.raises(InvalidRecipient):
        compose(sent)
    assert client.post(old).status_code == 404
    client.post(link_of(request))
    assert status_of(request) == "queued"
    assert kinds(request)[1:] == [("received", "ana@gmail.com")]


def test_another_address_takes_effect_when_it_is_confirmed(client: Client, resource: Resource) -> None:
    request = order("dem")
    verification.confirm(asked_of(request))
    request.notices.update(status="sent", sent_at=timezone.now())
    answer = client.post(
        f"{API}{request.public_id}/email/", {"email": "bea@Example.org"}, content_type="application/json"
    )
    assert answer.json() == {"email": EMAIL, "new_email": "bea@example.org"}
    assert "bea@example.org" in client.get(f"/downloads/requests/{request.public_id}/").content.decode()
    assert kinds(request)[2:] == [("verify_address", "bea@example.org")]
    assert "are to go to" in client.get(link_of(request)).content.decode()
    assert "are to go to this address" in mail_to(request, "verify_address").text
    assert client.post(link_of(request)).status_code == 302
    request.refresh_from_db()
    assert request.email == "bea@example.org"
    assert kinds(request)[3:] == [("address_changed", EMAIL), ("received", "bea@example.org")]


def test_without_verification_it_takes_effect_at_once_and_the_old_one_is_told(
    client: Client, resource: Resource, settings: Any
) -> None:
    settings.DOWNLOADS_VERIFY_EMAIL = "never"
    request = order("dem")
    page = f"/downloads/requests/{request.public_id}/"
    assert client.post(f"{page}email/", {"email": "bea@example.org"})["Location"] == page
    request.refresh_from_db()
    assert request.email == "bea@example.org"
    # The first mail had not been sent: it goes to the new address.
    assert kinds(request) == [("received", "bea@example.org"), ("address_changed", EMAIL)]
    mail = mail_to(request, "address_changed", "es")
    for form in (mail.text, mail.html):
        assert request.number in form
        assert str(request.public_id) not in form
        assert "bea" not in form
    request.notices.update(status="sent", sent_at=timezone.now())
    client.post(f"{page}email/", {"email": "eve@example.org"})
    assert kinds(request)[2:] == [("address_changed", "bea@example.org"), ("received", "eve@example.org")]


@pytest.mark.parametrize(
    "bad", ["", "ana", "a@localhost", "a@a.example\uff0cb@b.example", "a@b.example\r\nBcc: c@d.example"]
)
def test_what_is_no_address_changes_nothing(client: Client, resource: Resource, bad: str) -> None:
    request = order("dem")
    page = client.post(f"/downloads/requests/{request.public_id}/email/", {"email": bad})
    assert page.status_code == 409
    answer = client.post(f"{API}{request.public_id}/email/", {"email": bad}, content_type="application/json")
    assert answer.status_code == 422
    assert kinds(request) == [("verify_address", EMAIL)]


def test_an_address_is_not_changed_for_ever(resource: Resource, settings: Any) -> None:
    settings.DOWNLOADS_VERIFY_EMAIL = "never"
    request = order("dem")
    for number in range(change_email.MOST_CHANGES):
        change_email.correct_email(request.pk, f"ana{number}@example.org")
    with pytest.raises(OrderRefused, match="often enough"):
        change_email.correct_email(request.pk, "eve@example.org")
    change_email.change_email(request.pk, "eve@example.org", actor="eva")
    cancelling.cancel_request(request.pk, actor="requester")
    with pytest.raises(IllegalTransition):
        change_email.correct_email(request.pk, "bea@example.org")


def test_an_address_is_checked_before_it_is_sent(client: Client, db: None) -> None:
    check = "/downloads/api/email-check/"
    answer = client.post(check, {"email": "ana@gmial.com"}, content_type="application/json")
    assert answer.json() == {"email": "ana@gmial.com", "suggestion": "ana@gmail.com", "problem": ""}
    answer = client.post(check, {"email": "ana@stra\xdfe.example"}, content_type="application/json")
    assert answer.json() == {"email": "ana@xn--strae-oqa.example", "suggestion": "", "problem": ""}
    answer = client.post(check, {"email": "ana"}, content_type="application/json")
    assert (answer.status_code, answer.json()["email"]) == (200, "")
    assert "not an e-mail address" in answer.json()["problem"]


def test_an_order_is_told_to_other_programs_once_it_is_confirmed(resource: Resource) -> None:
    from downman.signals import order_placed  # noqa: PLC0415

    heard: list[int] = []

    def listen(order: DownloadRequest, **_: Any) -> None:
        heard.append(order.pk)

    order_placed.connect(listen)
    try:
        from django.test import TestCase  # noqa: PLC0415

        with TestCase.captureOnCommitCallbacks(execute=True):
            request = order("dem")
        assert heard == []
        with TestCase.captureOnCommitCallbacks(execute=True):
            verification.confirm(asked_of(request))
        assert heard == [request.pk]
    finally:
        order_placed.disconnect(listen)


def test_it_waits_in_nobodys_way(resource: Resource, settings: Any) -> None:
    order("dem")
    settings.DOWNLOADS_VERIFY_EMAIL = "never"
    assert tracking.track(order("dem")).queue_position == 0
    assert ResourceLocator.objects.filter(status="queued").count() == 2


def test_too_late_is_said(resource: Resource) -> None:
    request = order("dem")
    let_pass(request, hours=25)
    with pytest.raises(ConfirmationRefused, match="is over"):
        verification.confirm(asked_of(request))
    with pytest.raises(ConfirmationRefused, match="nothing to confirm"):
        verification.ask_again(request)
