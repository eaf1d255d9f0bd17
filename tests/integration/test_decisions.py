"""What administrators decide in the admin: each action asks first, needs the permission, and says what became of it."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from downman.domain.status import NoticeStatus
from downman.models import DownloadRequest, GenericRequest, Notice, Resource
from downman.services import cancelling
from tests.integration.orders import EMAIL, delivered, order, wish

pytestmark = pytest.mark.django_db

ORDERS = "/admin/downloads/downloadrequest/"
WISHES = "/admin/downloads/genericrequest/"


@pytest.fixture
def undecided(resource: Resource, roads: Resource) -> DownloadRequest:
    """Return an order of which one part waits for a decision."""
    Resource.objects.filter(pk="dem").update(restricted=True)
    return order("dem", "roads")


def staff(*permissions: str) -> Client:
    """Return the browser of somebody who works at the portal."""
    user = User.objects.create_user("pep", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user)
    return browser


def question(request: DownloadRequest, name: str, row: Any = None) -> str:
    return f"{ORDERS}{request.pk}/{name}/{(row or request).pk}/"


def told(answer: Any) -> list[str]:
    return [f"{message.level_tag}: {message}" for message in answer.context["messages"]]


def questions_on(browser: Client, request: DownloadRequest) -> list[str]:
    page = browser.get(f"{ORDERS}{request.pk}/change/").content.decode()
    return re.findall(rf'href="{ORDERS}{request.pk}/([a-z-]+)/\d+/"', page)


def test_what_waits_for_a_decision_is_asked_and_decided_with_a_note(
    admin_client: Client, undecided: DownloadRequest
) -> None:
    part = undecided.locators.get(position=0)
    page = admin_client.get(question(undecided, "accept", part)).content.decode()
    assert f"Let Elevation (part 1 of order {undecided.number})" in page
    part.refresh_from_db()
    assert part.approval == "pending"

    answer = admin_client.post(question(undecided, "accept", part), {"text": "For your thesis"}, follow=True)
    assert answer.redirect_chain == [(f"{ORDERS}{undecided.pk}/change/", 302)]
    assert told(answer)[0].startswith("success: Accepted: Elevation")
    part.refresh_from_db()
    assert (part.status, part.approval, part.decision_note) == ("queued", "accepted", "For your thesis")
    assert undecided.events.filter(locator=part).latest("pk").actor == "admin"

    late = admin_client.post(question(undecided, "reject", part), follow=True)
    assert told(late) == ["warning: This cannot be done any more: it is queued."]
    part.refresh_from_db()
    assert part.approval == "accepted"


def test_a_part_is_rejected_and_the_rest_goes_on(admin_client: Client, undecided: DownloadRequest) -> None:
    part = undecided.locators.get(position=0)
    admin_client.post(question(undecided, "reject", part), {"text": "Only for members"})
    part.refresh_from_db()
    undecided.refresh_from_db()
    assert (part.status, part.approval, part.decision_note) == ("cancelled", "rejected", "Only for members")
    assert undecided.status == "queued"


def test_only_what_can_be_done_is_offered(admin_client: Client, undecided: DownloadRequest) -> None:
    assert questions_on(admin_client, undecided) == [
        "address", "cancel", "accept", "reject", "cancel-resource", "hold", "cancel-resource", "resend",
    ]  # fmt: skip
    cancelling.cancel_request(undecided.pk, actor="requester")
    assert questions_on(admin_client, undecided) == ["address", "resend"]


def test_a_part_is_held_released_and_cancelled(admin_client: Client, resource: Resource, roads: Resource) -> None:
    request = order("dem", "roads")
    part = request.locators.get(position=0)
    for name, status in (("hold", "on_hold"), ("release", "queued"), ("cancel-resource", "cancelled")):
        admin_client.post(question(request, name, part))
        part.refresh_from_db()
        assert part.status == status


def test_a_link_and_an_order_are_cancelled(admin_client: Client, resource: Resource) -> None:
    request, other = delivered("dem"), order("dem")
    admin_client.post(question(request, "cancel-link", request.links.get()))
    answer = admin_client.post(question(other, "cancel"), follow=True)
    assert told(answer)[-1] == f"success: Cancelled: order {other.number}."
    assert request.links.get().status == "cancelled_by_admin"
    assert set(DownloadRequest.objects.values_list("status", flat=True)) == {"cancelled"}
    assert Notice.objects.filter(kind="cancelled").count() == 2


def test_the_address_is_changed_and_what_is_owed_goes_there(admin_client: Client, resource: Resource) -> None:
    request = order("dem")
    wrong = admin_client.post(question(request, "address"), {"text": "nobody"})
    assert "not an e-mail address" in wrong.content.decode()
    admin_client.post(question(request, "address"), {"text": "eva@example.org"})
    request.refresh_from_db()
    assert request.email == request.notices.get().recipient == "eva@example.org"


def test_a_mail_is_sent_again(admin_client: Client, resource: Resource) -> None:
    request = order("dem")
    notice = request.notices.get()
    Notice.objects.update(status=NoticeStatus.FAILED, attempts=3, last_error="550 no such user")
    page = admin_client.get(f"{ORDERS}{request.pk}/change/").content.decode()
    assert "550 no such user" in page
    admin_client.post(question(request, "resend", notice))
    notice.refresh_from_db()
    assert notice.status == "retrying"


def test_rows_of_other_orders_and_unknown_deeds_are_not_found(admin_client: Client, undecided: DownloadRequest) -> None:
    other = order("dem")
    part = other.locators.get()
    for address in (
        question(undecided, "accept", part),
        question(undecided, "cancel", other),
        question(undecided, "publish"),
        f"{ORDERS}0/cancel/0/",
    ):
        assert admin_client.post(address).status_code == 404
    part.refresh_from_db()
    assert part.approval == "pending"


def test_a_decision_needs_the_permission(undecided: DownloadRequest) -> None:
    part = undecided.locators.get(position=0)
    address = question(undecided, "accept", part)
    assert Client().post(address)["Location"].startswith("/admin/login/")
    looker = staff("view_downloadrequest")
    assert questions_on(looker, undecided) == []
    assert "Elevation" in looker.get(f"{ORDERS}{undecided.pk}/change/").content.decode()
    for answer in (looker.get(address), looker.post(address), looker.post(question(undecided, "cancel"))):
        assert answer.status_code == 403
    part.refresh_from_db()
    assert part.approval == "pending"


def test_the_permission_to_change_orders_is_enough(undecided: DownloadRequest) -> None:
    decider = staff("change_downloadrequest")
    assert "accept" in questions_on(decider, undecided)
    decider.post(question(undecided, "accept", undecided.locators.get(position=0)))
    assert undecided.locators.get(position=0).approval == "accepted"
    assert undecided.events.latest("pk").actor == "pep"
    assert decider.post(f"{ORDERS}{undecided.pk}/change/", {"email": "eva@example.org"}).status_code == 403
    assert decider.get(WISHES).status_code == 403


def test_a_decision_needs_the_page(undecided: DownloadRequest, admin_user: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(admin_user)
    assert browser.post(question(undecided, "cancel")).status_code == 403
    undecided.refresh_from_db()
    assert undecided.status == "queued"


@pytest.mark.parametrize(("stage", "found"), [("decision", [0]), ("active", [0, 1, 2]), ("archived", [3])])
def test_orders_are_found_by_their_stage(
    admin_client: Client, undecided: DownloadRequest, stage: str, found: list[int]
) -> None:
    requests = [undecided, order("roads"), delivered("roads"), order("roads")]
    cancelling.cancel_request(requests[3].pk, actor="requester")
    page = admin_client.get(ORDERS, {"stage": stage})
    assert [requests.index(row) for row in reversed(page.context["cl"].result_list)] == found
    assert page.context["cl"].filter_specs[0].title == "stage"


def test_chosen_orders_are_cancelled_after_a_question(admin_client: Client, resource: Resource) -> None:
    requests = [order("dem") for _ in range(3)]
    DownloadRequest.objects.filter(pk=requests[2].pk).update(status="failed")
    chosen = {"action": "cancel", "_selected_action": [request.pk for request in requests]}
    asked = admin_client.post(ORDERS, chosen)
    assert "Cancel 3 orders?" in asked.content.decode()
    assert DownloadRequest.objects.filter(status="queued").count() == 2
    answer = admin_client.post(ORDERS, {**chosen, "yes": "yes"}, follow=True)
    assert told(answer) == ["success: 2 orders were cancelled.", "warning: 1 order had ended already."]
    assert DownloadRequest.objects.filter(status="cancelled").count() == 2


def test_chosen_orders_are_cancelled_by_those_only_who_may(resource: Resource) -> None:
    request = order("dem")
    chosen = {"action": "cancel", "_selected_action": [request.pk], "yes": "yes"}
    staff("view_downloadrequest").post(ORDERS, chosen)
    request.refresh_from_db()
    assert request.status == "queued"


# --- generic requests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "status"), [("complete", "completed"), ("reject", "rejected")])
def test_a_wish_is_answered(admin_client: Client, action: str, status: str) -> None:
    stored = wish()
    page = admin_client.get(f"{WISHES}{stored.pk}/change/").content.decode()
    assert "Soil maps of &lt;Jaén&gt; &amp; around" in page
    address = f"{WISHES}{stored.pk}/{action}/{stored.pk}/"
    assert address in page
    assert "This field is required" in admin_client.post(address).content.decode()
    admin_client.post(address, {"text": "See the new catalogue"})
    stored.refresh_from_db()
    assert (stored.status, stored.answer, stored.decided_by) == (status, "See the new catalogue", "admin")
    assert stored.notices.filter(kind=f"generic_{status}", recipient=EMAIL).exists()
    late = admin_client.post(address, {"text": "Again"}, follow=True)
    assert told(late)[-1].startswith("warning: This cannot be done any more")
    assert f"{action}/" not in admin_client.get(f"{WISHES}{stored.pk}/change/").content.decode()


def test_wishes_are_listed_by_state_and_their_mails_sent_again(admin_client: Client) -> None:
    stored, done = wish(), wish("Roads")
    GenericRequest.objects.filter(pk=done.pk).update(status="completed", decided_at=done.created_at)
    page = admin_client.get(WISHES, {"status__exact": "registered"})
    assert list(page.context["cl"].result_list) == [stored]
    notice = stored.notices.get()
    Notice.objects.update(status=NoticeStatus.SENT, sent_at=stored.created_at)
    admin_client.post(f"{WISHES}{stored.pk}/resend/{notice.pk}/")
    assert stored.notices.count() == 2


def test_a_wish_is_answered_by_those_only_who_may() -> None:
    stored = wish()
    looker = staff("view_genericrequest")
    assert looker.get(f"{WISHES}{stored.pk}/change/").status_code == 200
    assert looker.post(f"{WISHES}{stored.pk}/reject/{stored.pk}/", {"text": "no"}).status_code == 403
    stored.refresh_from_db()
    assert stored.status == "registered"
