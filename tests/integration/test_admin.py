"""What administrators see and may change."""

from typing import Any

import pytest
from django.test import Client

from downman.domain.policy import PackagingMode
from downman.models import PolicyRecord, Resource
from downman.services.policy import administrators, current_policy
from tests.integration.orders import EMAIL, delivered, order

pytestmark = pytest.mark.django_db

ORDERS = "/admin/downloads/downloadrequest/"


def test_an_order_is_shown_whole_without_what_opens_its_links(
    admin_client: Client, resource: Resource, roads: Resource
) -> None:
    request = delivered("dem", "roads")
    request.locators.filter(position=1).update(
        status="failed", link=None, error_code="retries-exhausted", error_details={"days": 6}
    )
    page = admin_client.get(f"{ORDERS}{request.pk}/change/").content.decode()
    for word in (EMAIL, "Elevation", "kept failing for 6 days", "download.zip", "received", "ordered"):
        assert word in page
    assert request.links.get().token not in page
    assert 'name="_save"' not in page


def test_orders_are_found_and_filtered(admin_client: Client, resource: Resource) -> None:
    found, other = order("dem"), order("dem", email="eva@example.org")
    for text in (EMAIL, str(found.public_id), str(found.pk), found.number, found.number.replace("-", "").lower()):
        query = {"q": text}
        page = admin_client.get(ORDERS, query)
        assert list(page.context["cl"].result_list) == [found], query
    assert list(admin_client.get(ORDERS, {"status__exact": "queued"}).context["cl"].result_list) == [other, found]


def test_lists_and_orders_cost_the_same_however_long_they_are(
    admin_client: Client, resource: Resource, roads: Resource, django_assert_max_num_queries: Any
) -> None:
    requests = [delivered("dem", "roads") for _ in range(12)]
    with django_assert_max_num_queries(8):
        admin_client.get(ORDERS)
    with django_assert_max_num_queries(12):
        admin_client.get(f"{ORDERS}{requests[0].pk}/change/")


def test_nothing_about_an_order_can_be_changed(admin_client: Client, resource: Resource) -> None:
    request = order("dem")
    for address in (f"{ORDERS}add/", f"{ORDERS}{request.pk}/delete/"):
        assert admin_client.get(address).status_code == 403
    assert admin_client.post(f"{ORDERS}{request.pk}/change/", {"email": "eva@example.org"}).status_code == 403


def test_resources_are_kept_by_administrators(admin_client: Client, resource: Resource) -> None:
    answer = admin_client.post(
        "/admin/downloads/resource/",
        {"action": "withdraw", "_selected_action": [resource.pk]},
    )
    resource.refresh_from_db()
    assert answer.status_code == 302
    assert not resource.offered
    page = admin_client.get(f"/admin/downloads/resource/{resource.pk}/change/").content.decode()
    assert 'name="title"' in page
    assert 'name="id"' not in page


def test_the_rules_are_one_row_that_counts_at_once(admin_client: Client) -> None:
    rules = {"behaviour": "DYNAMIC", "cart_limit": "3", "validity_days": "2", "max_public_bytes": ""}
    wrong = {**rules, "administrators": "ana@example.org nobody"}
    assert admin_client.post("/admin/downloads/policyrecord/add/", wrong).status_code == 200
    # So many days that the end of a link would be no date.
    absurd = admin_client.post("/admin/downloads/policyrecord/add/", {**rules, "validity_days": 2_000_000_000})
    assert "less than or equal to 36500" in absurd.content.decode()
    rules["administrators"] = "ana@example.org\neva@example.org"
    assert admin_client.post("/admin/downloads/policyrecord/add/", rules).status_code == 302
    assert admin_client.get("/admin/downloads/policyrecord/add/").status_code == 403
    policy = current_policy()
    assert (policy.behaviour, policy.cart_limit, policy.validity_days) == (PackagingMode.DYNAMIC, 3, 2)
    assert PolicyRecord.objects.count() == 1
    assert administrators() == ("ana@example.org", "eva@example.org")
