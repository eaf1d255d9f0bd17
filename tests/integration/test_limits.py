"""Limits: who is refused, when, with what answer; all by the real site on a real PostgreSQL."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from downman.domain.limits import DAY_SECONDS
from downman.models import (
    AddressVerification,
    DownloadRequest,
    GenericRequest,
    LimitUse,
    Notice,
    PolicyRecord,
    Resource,
)
from downman.services import retention, verification
from downman.services.cancelling import cancel_request
from downman.services.notices import claim_due
from downman.services.transitions import REQUESTER
from tests.integration.orders import EMAIL, delivered, link_to, order

pytestmark = pytest.mark.django_db

API = "/downloads/api/"
OTHER = {"REMOTE_ADDR": "192.0.2.1"}


def place(client: Client, *, email: str = EMAIL, resource: str = "dem", **headers: Any) -> Any:
    body = {"email": email, "resources": [{"resource": resource}]}
    return client.post(f"{API}requests/", json.dumps(body), content_type="application/json", **headers)


def ask(client: Client, *, email: str = EMAIL, **headers: Any) -> Any:
    body = {"email": email, "description": "A map of the moon."}
    return client.post(f"{API}generic-requests/", json.dumps(body), content_type="application/json", **headers)


def limit(**values: int) -> None:
    PolicyRecord.objects.update_or_create(pk=1, defaults={f"limit_{name}": value for name, value in values.items()})


def pass_time(seconds: float) -> None:
    """Have all that counts be older."""
    for use in LimitUse.objects.all():
        LimitUse.objects.filter(pk=use.pk).update(used_at=use.used_at - timedelta(seconds=seconds))


def usage(client: Client, **headers: Any) -> dict[str, dict[str, Any]]:
    answer = client.get(f"{API}limits/", **headers)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    return {item["name"]: item for item in answer.json()["limits"]}


def assert_refused(answer: Any, name: str, *words: str) -> None:
    assert answer.status_code == 429
    assert answer["Content-Type"] == "application/problem+json"
    assert int(answer["Retry-After"]) >= 1
    problem = answer.json()
    assert (problem["status"], problem["limit"]) == (429, name)
    for word in words:
        assert word in problem["detail"]


def test_a_network_orders_up_to_its_limit_whoever_it_writes_as(client: Client, resource: Resource) -> None:
    limit(orders_per_network=3)
    answers = [place(client, email=f"person{number}@example.org") for number in range(5)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
    assert_refused(answers[-1], "orders_per_network", "3 in 10 minutes", "Try again in 10 minutes")
    assert 590 <= int(answers[-1]["Retry-After"]) <= 601
    assert DownloadRequest.objects.count() == 3
    # Another network is not affected.
    assert place(client, email="other@example.org", **OTHER).status_code == 201


def test_an_address_is_ordered_for_up_to_its_limit_wherever_from(client: Client, resource: Resource) -> None:
    limit(orders_per_person=2)
    written = [EMAIL, EMAIL.replace("ana", "Ana"), EMAIL.replace("ana", "ana+maps")]
    answers = [place(client, email=email, REMOTE_ADDR=f"192.0.2.{number}") for number, email in enumerate(written)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert_refused(answers[-1], "orders_per_person", "2 in 10 minutes")
    assert place(client, email="other@example.org").status_code == 201


def test_orders_and_free_text_requests_count_together(client: Client, resource: Resource) -> None:
    limit(orders_per_network=2)
    assert ask(client).status_code == 201
    assert place(client).status_code == 201
    assert_refused(ask(client), "orders_per_network")
    assert_refused(place(client), "orders_per_network")
    assert GenericRequest.objects.count() == 1


def test_there_is_room_again_when_the_first_order_is_older_than_the_window(client: Client, resource: Resource) -> None:
    limit(orders_per_network=2, window_seconds=60)
    place(client)
    pass_time(50)
    place(client)
    refused = place(client)
    wait = int(refused["Retry-After"])
    assert 1 <= wait <= 11
    pass_time(wait)
    # Never more than the limit in any time as long as the window.
    assert [place(client).status_code for _ in range(2)] == [201, 429]


def test_a_limit_that_is_lowered_says_when_there_is_room_again(client: Client, resource: Resource) -> None:
    limit(orders_per_network=3, window_seconds=60)
    for _ in range(3):
        place(client)
        pass_time(10)
    limit(orders_per_network=2)
    # Of the three, 30, 20 and 10 seconds old, two must be over.
    wait = int(place(client)["Retry-After"])
    assert 38 <= wait <= 41
    pass_time(wait)
    assert [place(client).status_code for _ in range(2)] == [201, 429]


def test_what_an_administrator_changes_holds_at_once(admin_client: Client, client: Client, resource: Resource) -> None:
    limit(orders_per_network=1)
    assert [place(client).status_code for _ in range(2)] == [201, 429]
    page = admin_client.get("/admin/downloads/policyrecord/1/change/").content.decode()
    assert "0: any number" in page
    rules = {"behaviour": "", "cart_limit": "", "validity_days": "", "max_public_bytes": "", "administrators": ""}
    changed = admin_client.post(
        "/admin/downloads/policyrecord/1/change/", {**rules, "limit_orders_per_network": 2, "limit_ipv6_prefix": ""}
    )
    assert changed.status_code == 302
    assert [place(client).status_code for _ in range(2)] == [201, 429]
    limit(orders_per_network=0)
    assert place(client).status_code == 201
    wrong = admin_client.post("/admin/downloads/policyrecord/1/change/", {**rules, "limit_ipv4_prefix": 33})
    assert wrong.status_code == 200


def test_without_limits_nobody_is_refused(client: Client, resource: Resource, settings: Any) -> None:
    limit(orders_per_network=1, orders_per_person=1, open_orders=1, mails_per_day=1)
    settings.DOWNLOADS_LIMITS = False
    assert {place(client).status_code for _ in range(5)} == {201}
    assert usage(client) == {}
    assert Notice.objects.count() == 5
    assert not LimitUse.objects.exists()


def test_what_is_not_taken_counts_for_nothing(client: Client, resource: Resource) -> None:
    limit(orders_per_network=2, orders_per_person=1)
    assert place(client, resource="nothing").status_code == 422
    assert place(client, email="nobody").status_code == 422
    assert place(client).status_code == 201
    # Refused for the person: the network's other order is still there.
    assert_refused(place(client), "orders_per_person")
    assert place(client, email="other@example.org").status_code == 201


def test_a_cancelled_order_has_counted(client: Client, resource: Resource) -> None:
    limit(orders_per_network=1)
    placed = place(client).json()
    assert client.post(f"{API}requests/{placed['id']}/cancel/").status_code == 200
    assert_refused(place(client), "orders_per_network")


def test_ordering_again_counts_as_an_order(client: Client, resource: Resource) -> None:
    limit(orders_per_network=1)
    placed = place(client).json()
    client.post(f"{API}requests/{placed['id']}/cancel/")
    assert_refused(client.post(f"{API}requests/{placed['id']}/again/"), "orders_per_network")
    page = client.post(f"/downloads/requests/{placed['id']}/again/")
    assert page.status_code == 429
    assert "Not taken at the moment" in page.content.decode()
    assert DownloadRequest.objects.count() == 1


def test_the_form_shows_a_friendly_page_that_keeps_what_was_filled_in(client: Client, resource: Resource) -> None:
    limit(orders_per_network=1)
    filled_in = {"email": EMAIL, "language": "en", "resource": "dem", "format.dem": "PNG", "order": "1"}
    assert client.post("/downloads/order/", filled_in).status_code == 302
    refused = client.post("/downloads/order/", filled_in)
    page = refused.content.decode()
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 500
    assert "Your network has reached its limit of orders: 1 in 10 minutes." in page
    assert f'value="{EMAIL}"' in page
    asked = client.post("/downloads/generic/", {"email": EMAIL, "language": "es", "description": "A <map>"})
    assert asked.status_code == 429
    assert "A &lt;map&gt;" in asked.content.decode()


def test_the_order_page_says_what_is_left_only_when_it_is_little(client: Client, resource: Resource) -> None:
    def hint() -> str:
        page = client.get("/downloads/order/?resource=dem").content.decode()
        return page[page.find('id="few-left"') :][:120] if 'id="few-left"' in page else ""

    limit(orders_per_network=7)
    assert not hint()
    place(client)
    assert not hint()
    place(client)
    assert "5 more orders" in hint()


def test_open_orders_of_a_person_are_limited_until_one_ends(client: Client, resource: Resource) -> None:
    limit(open_orders=2)
    first = place(client).json()
    place(client)
    refused = place(client)
    assert_refused(refused, "open_orders", "2", "cancel one")
    assert place(client, email="other@example.org").status_code == 201
    cancel_request(DownloadRequest.objects.get(public_id=first["id"]).pk, actor=REQUESTER)
    assert place(client).status_code == 201
    # Free text is not fetched.
    assert ask(client).status_code == 201


def test_what_is_under_way_is_limited_in_bytes_but_one_order_is_always_taken(
    client: Client, resource: Resource, roads: Resource
) -> None:
    limit(bytes_under_way=1000)
    Resource.objects.filter(pk="dem").update(size_bytes=5000)
    Resource.objects.filter(pk="roads").update(size_bytes=400)
    assert place(client, email="large@example.org").status_code == 201
    assert_refused(place(client, email="large@example.org", resource="roads"), "bytes_under_way", "1.0\xa0kB")
    assert [place(client, resource="roads").status_code for _ in range(3)] == [201, 201, 429]
    assert DownloadRequest.objects.filter(email=EMAIL).count() == 2


def test_what_is_kept_is_limited_until_enough_expires(client: Client, resource: Resource) -> None:
    limit(bytes_kept=20_000)
    first = delivered("dem", days=1)
    assert place(client).status_code == 201
    delivered("dem", days=3)
    refused = place(client)
    assert_refused(refused, "bytes_kept", "20.0\xa0kB")
    assert abs(int(refused["Retry-After"]) - DAY_SECONDS) < 60
    cancel_request(first.pk, actor=REQUESTER)
    assert place(client).status_code == 201


def test_a_user_is_one_person_with_all_addresses_and_shares_with_no_stranger(
    client: Client, resource: Resource
) -> None:
    limit(orders_per_person=2, orders_per_network=0)
    user = User.objects.create_user("eva", email="eva@example.org")
    # A stranger uses her address up; she, who has logged in, is not affected.
    assert [place(client, email="eva@example.org").status_code for _ in range(3)] == [201, 201, 429]
    client.force_login(user)
    assert [place(client, email="eva@example.org").status_code for _ in range(3)] == [201, 201, 429]
    assert_refused(place(client, email="another@example.org"), "orders_per_person")


def test_who_has_logged_in_floods_no_stranger(client: Client, resource: Resource) -> None:
    limit(orders_per_person=2, orders_per_network=0)
    for name in ("eva", "leo"):
        client.force_login(User.objects.create_user(name, email=f"{name}@example.org"))
        answer = place(client, email="victim@example.org")
        assert answer.status_code == 201
    client.force_login(User.objects.create_user("kim", email="kim@example.org"))
    assert_refused(place(client, email="victim@example.org"), "orders_per_person")
    assert place(client, email="kim@example.org").status_code == 201


def test_staff_are_limited_where_the_site_says_so(admin_client: Client, resource: Resource, settings: Any) -> None:
    limit(orders_per_network=1)
    assert [place(admin_client).status_code for _ in range(3)] == [201, 201, 201]
    assert usage(admin_client) == {}
    settings.DOWNLOADS_LIMIT_STAFF = True
    assert [place(admin_client).status_code for _ in range(2)] == [201, 429]


def test_the_link_of_an_order_of_staff_does_not_make_its_bearer_staff(client: Client, resource: Resource) -> None:
    limit(orders_per_network=1)
    staff = User.objects.create_user("root", email="root@example.org", is_staff=True)
    placed = order("dem", user=staff)
    cancel_request(placed.pk, actor=REQUESTER)
    answers = [client.post(f"{API}requests/{placed.public_id}/again/").status_code for _ in range(2)]
    assert answers == [201, 429]


def test_a_program_of_the_site_is_not_limited(resource: Resource) -> None:
    limit(orders_per_network=1, orders_per_person=1, open_orders=1)
    assert len({order("dem").pk for _ in range(3)}) == 3


def test_what_is_left_is_told_to_a_stranger_for_the_network_only(client: Client, resource: Resource) -> None:
    before = usage(client)["orders_per_network"]
    assert before == {
        "name": "orders_per_network", "limit": 120, "used": 0, "remaining": 120, "window_seconds": 600,
        "resets_at": None,
    }  # fmt: skip
    place(client)
    found = usage(client)
    assert set(found) == {
        "orders_per_network", "orders_per_person", "open_orders", "bytes_under_way", "bytes_kept", "mails_per_day"
    }  # fmt: skip
    assert (found["orders_per_network"]["used"], found["orders_per_network"]["remaining"]) == (1, 119)
    resets_at = datetime.fromisoformat(found["orders_per_network"]["resets_at"])
    assert 590 < (resets_at - timezone.now()).total_seconds() <= 600
    # What an address has used is nobody's business who merely knows it.
    assert {found[name]["used"] for name in set(found) - {"orders_per_network"}} == {None}
    assert usage(client, **OTHER)["orders_per_network"]["used"] == 0


def test_what_is_left_is_told_to_a_user_of_all_that_is_theirs(client: Client, resource: Resource) -> None:
    limit(bytes_kept=0)
    Resource.objects.filter(pk="dem").update(size_bytes=1234)
    client.force_login(User.objects.create_user("eva", email=EMAIL))
    place(client)
    found = usage(client)
    assert {name: item["used"] for name, item in found.items()} == {
        "orders_per_network": 1, "orders_per_person": 1, "open_orders": 1, "bytes_under_way": 1234, "mails_per_day": 1
    }  # fmt: skip


def test_mails_beyond_the_limit_of_a_day_come_later_and_receipts_not_at_all(client: Client, resource: Resource) -> None:
    limit(mails_per_day=2)
    placed = [order("dem") for _ in range(3)]
    assert Notice.objects.filter(kind="received").count() == 2
    for each in placed:
        cancel_request(each.pk, actor="admin")
    late = Notice.objects.filter(kind="cancelled")
    assert late.count() == 3
    waits = sorted(round((notice.due_at - timezone.now()).total_seconds() / DAY_SECONDS) for notice in late)
    # Two on the next day, and one on the day after: none is lost.
    assert waits == [1, 1, 2]
    assert [notice.kind for notice in claim_due(10)] == ["received", "received"]
    # Another mailbox is not affected; the same one under another spelling is.
    cancel_request(order("dem", email="other@example.org").pk, actor="admin")
    assert Notice.objects.filter(recipient="other@example.org", due_at__lte=timezone.now()).count() == 2
    order("dem", email="Ana+1@example.org")
    assert not Notice.objects.filter(recipient="Ana+1@example.org").exists()


def test_administrators_are_told_whatever_the_limit(resource: Resource, settings: Any) -> None:
    settings.DOWNLOADS_ADMINISTRATORS = ["boss@example.org"]
    limit(mails_per_day=1)
    Resource.objects.update(restricted=True)
    for _ in range(3):
        order("dem")
    assert Notice.objects.filter(recipient="boss@example.org", due_at__lte=timezone.now()).count() == 3


def test_nothing_that_counts_names_anybody_and_it_is_deleted_when_it_counts_no_longer(
    client: Client, resource: Resource
) -> None:
    place(client)
    kept = {value for row in LimitUse.objects.values_list() for value in row}
    assert {type(value) for value in kept} <= {int, datetime}
    count = LimitUse.objects.count()
    retention.clean_expired()
    assert LimitUse.objects.count() == count
    pass_time(DAY_SECONDS + 1)
    retention.clean_expired()
    assert not LimitUse.objects.exists()


def test_who_is_refused_costs_few_queries_and_writes_nothing(
    client: Client, resource: Resource, django_assert_max_num_queries: Any
) -> None:
    limit(orders_per_network=1)
    with CaptureQueriesContext(connection) as limited:
        place(client)
    with override_settings(DOWNLOADS_LIMITS=False), CaptureQueriesContext(connection) as unlimited:
        place(client)
    assert len(limited) - len(unlimited) <= 10
    before = LimitUse.objects.count()
    with django_assert_max_num_queries(2) as asked:
        assert place(client).status_code == 429
    assert not [one for one in asked.captured_queries if not one["sql"].startswith("SELECT")]
    assert LimitUse.objects.count() == before


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool
        # Each of them has a connection of its own, and no two of them end the same one.
        barrier = threading.Barrier(8)
        for _ in range(8):
            pool.submit(end_connection, barrier)


def end_connection(barrier: threading.Barrier) -> None:
    barrier.wait(30)
    connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["orders_per_network", "orders_per_person", "open_orders"])
def test_exactly_as_many_as_the_limit_are_taken_of_those_who_order_at_once(
    resource: Resource, threads: ThreadPoolExecutor, name: str
) -> None:
    limit(**{name: 7})
    statuses = Counter(threads.map(lambda _number: place(Client()).status_code, range(24)))
    assert statuses == {201: 7, 429: 17}
    assert DownloadRequest.objects.count() == 7
    assert place(Client(), email="other@example.org", **OTHER).status_code == 201


def test_a_link_that_is_not_ours_does_not_count(client: Client, resource: Resource) -> None:
    limit(bytes_kept=20_000)
    for number in range(3):
        link_to(order("dem", email=f"person{number}@example.org"))
    assert place(client).status_code == 201


def test_who_merely_writes_an_address_uses_up_nothing_of_its_owner(
    client: Client, resource: Resource, settings: Any
) -> None:
    settings.DOWNLOADS_VERIFY_EMAIL = "anonymous"
    limit(orders_per_person=1, open_orders=1, orders_per_network=3)
    answers = [place(client).json() for _ in range(3)]
    assert {answer["status"] for answer in answers} == {"unverified"}
    assert_refused(place(client), "orders_per_network")
    assert place(client, **OTHER).status_code == 201
    # Once it is confirmed, an order is its owner's.
    (asked, *_rest) = AddressVerification.objects.order_by("pk")
    verification.confirm(asked)
    assert_refused(place(client, **OTHER), "open_orders")


@pytest.mark.parametrize(("value", "holds"), [("off", "False"), ("on", "True"), (None, "True")])
def test_the_demo_is_without_limits_where_its_environment_says_so(
    tmp_path: Path, value: str | None, holds: str
) -> None:
    environment = {"DJANGO_SETTINGS_MODULE": "downman_site.settings", "DOWNMAN_HOME": str(tmp_path)}
    if value is not None:
        environment["DOWNMAN_LIMITS"] = value
    code = "from downman.settings import app_settings; print(app_settings().limits)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{holds}\n"
