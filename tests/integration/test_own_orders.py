"""What people do with their own orders on the tracking page: cancel a part, keep it longer, order it again."""

from typing import Any

import pytest
from django.test import Client

from downman.models import DownloadRequest, Resource
from downman.services import approvals
from tests.integration.orders import delivered, order

pytestmark = pytest.mark.django_db


def page_of(request: DownloadRequest) -> str:
    return f"/downloads/requests/{request.public_id}/"


def seen(client: Client, request: DownloadRequest) -> str:
    return client.get(page_of(request)).content.decode()


def test_each_resource_can_be_cancelled_while_that_can_be_done(
    client: Client, resource: Resource, roads: Resource
) -> None:
    request = order("dem", "roads")
    places = [f'action="{page_of(request)}resources/{position}/cancel/"' for position in (0, 1)]
    assert all(place in seen(client, request) for place in places)
    answer = client.post(f"{page_of(request)}resources/1/cancel/")
    assert (answer.status_code, answer["Location"]) == (302, page_of(request))
    assert [place in seen(client, request) for place in places] == [True, False]
    late = client.post(f"{page_of(request)}resources/1/cancel/")
    assert late.status_code == 409
    assert "come to its end already" in late.content.decode()


def test_what_was_delivered_with_a_cancelled_resource_is_packaged_again(
    client: Client, resource: Resource, roads: Resource
) -> None:
    request = delivered("dem", "roads")
    assert "packaged again, without it" in seen(client, request)
    client.post(f"{page_of(request)}resources/0/cancel/")
    assert list(request.locators.values_list("status", flat=True)) == ["cancelled", "queued"]
    assert "This link was cancelled by you" in seen(client, request)


def test_links_are_kept_longer_with_one_button_that_says_until_when(client: Client, resource: Resource) -> None:
    request = delivered("dem", days=1, age_days=6)
    assert "Keep it longer" in seen(client, request)
    assert client.post(f"{page_of(request)}extend/")["Location"] == page_of(request)
    assert "Keep it longer" not in seen(client, request)
    late = client.post(f"{page_of(request)}extend/")
    assert late.status_code == 409
    assert "cannot be kept any longer" in late.content.decode()


@pytest.mark.parametrize(("days", "age_days"), [(7, 0), (-1, 8), (1, 30)])
def test_what_cannot_be_kept_longer_offers_no_button(
    client: Client, resource: Resource, days: int, age_days: int
) -> None:
    assert "Keep it longer" not in seen(client, delivered("dem", days=days, age_days=age_days))


def test_an_order_is_placed_again_with_one_button(client: Client, resource: Resource) -> None:
    request = order("dem")
    early = client.post(f"{page_of(request)}again/")
    assert early.status_code == 409
    assert "nothing to order again" in early.content.decode()
    client.post(f"{page_of(request)}cancel/")
    assert f'action="{page_of(request)}again/"' in seen(client, request)
    answer = client.post(f"{page_of(request)}again/")
    placed = DownloadRequest.objects.latest("pk")
    assert answer["Location"] == page_of(placed) != page_of(request)


def test_what_the_catalogue_refuses_leads_to_what_is_still_offered(
    client: Client, resource: Resource, roads: Resource
) -> None:
    request = order("dem", "roads")
    client.post(f"{page_of(request)}cancel/")
    Resource.objects.filter(pk="roads").update(offered=False)
    page = client.post(f"{page_of(request)}again/")
    text = page.content.decode()
    assert page.status_code == 422
    assert page.context["form"].resources == [resource]
    assert "The catalogue has no such resource" in text
    assert "left out: roads" in text
    assert 'action="/downloads/order/?resource=dem"' in text
    assert DownloadRequest.objects.count() == 1


def test_what_is_stopped_is_told_apart_from_what_waits_for_a_decision(client: Client, resource: Resource) -> None:
    request = order("dem")
    part = request.locators.get()
    approvals.hold(part.pk, actor="ana", note="The <server> moves")
    held = seen(client, request)
    for words in ("On hold", "has put this on hold", "The &lt;server&gt; moves"):
        assert words in held
    assert "Waiting for approval" not in held
    approvals.release(part.pk, actor="ana")
    assert "The &lt;server&gt; moves" not in seen(client, request)


@pytest.mark.parametrize("what", ["resources/0/cancel/", "extend/", "again/", "cancel/"])
def test_every_button_needs_the_page_and_a_post(resource: Resource, what: str) -> None:
    request = delivered("dem", days=1, age_days=6)
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(page_of(request) + what).status_code == 403
    assert strict.get(page_of(request) + what).status_code == 405
    token = strict.get(page_of(request)).context["csrf_token"]
    assert strict.post(page_of(request) + what, {"csrfmiddlewaretoken": str(token)}).status_code in {302, 409}


@pytest.mark.parametrize("what", ["resources/0/cancel/", "resources/7/cancel/", "extend/", "again/"])
def test_an_unknown_order_or_place_gets_a_friendly_page(client: Client, resource: Resource, what: str) -> None:
    request = order("dem")
    public_id = request.public_id if "7" in what else "11111111-2222-3333-4444-555555555555"
    page = client.post(f"/downloads/requests/{public_id}/{what}")
    assert page.status_code == 404
    assert b"no such order" in page.content
    assert "noindex" in page["X-Robots-Tag"]


def test_the_page_costs_the_same_while_it_can_be_taken(
    client: Client, resource: Resource, roads: Resource, django_assert_max_num_queries: Any
) -> None:
    for request in (delivered("dem"), delivered("dem", "roads", days=1, age_days=6)):
        with django_assert_max_num_queries(4):
            client.get(page_of(request))
