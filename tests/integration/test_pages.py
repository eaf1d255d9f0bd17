"""What people see: the order page, the tracking page, the pages behind links that lead nowhere, and the portal."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from downman.domain.status import LinkStatus, LocatorStatus, RequestStatus
from downman.models import DownloadRequest, Resource, ResourceLocator
from downman.services.policy import current_policy
from tests.integration.orders import EMAIL, link_to, order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("honoured")]

ORDER = "/downloads/order/"
PLACE = {"order": "1", "email": EMAIL, "language": "en"}


def tracking_page(request: DownloadRequest) -> str:
    return f"/downloads/requests/{request.public_id}/"


def shown_as(status: RequestStatus, parts: Sequence[dict[str, Any]]) -> DownloadRequest:
    """Return an order in a state, as the services would leave it."""
    request = order("dem", "roads")
    for position, facts in enumerate(parts):
        ResourceLocator.objects.filter(request=request, position=position).update(**facts)
    DownloadRequest.objects.filter(pk=request.pk).update(status=status)
    return request


# --- the order page ---------------------------------------------------------------------------------------------


def test_the_cart_is_in_the_address(client: Client, resource: Resource, roads: Resource) -> None:
    page = client.get(ORDER, {"resource": ["dem", "roads"]})
    assert page.status_code == 200
    assert page.context["form"].resources == [resource, roads]
    assert b'action="/downloads/order/?resource=dem&amp;resource=roads"' in page.content


def test_without_a_cart_everything_can_be_added(client: Client, resource: Resource, roads: Resource) -> None:
    Resource.objects.create(id="old", title="Old", source="http", url="http://127.0.0.1/", offered=False)
    assert client.get(ORDER).context["form"].others == [resource, roads]


def test_a_resource_that_is_not_offered_is_left_out_with_a_word(client: Client, resource: Resource) -> None:
    page = client.get(ORDER, {"resource": ["dem", "<b>gone</b>"]})
    assert page.context["form"].resources == [resource]
    assert b"left out: &lt;b&gt;gone&lt;/b&gt;" in page.content


def test_an_order_is_placed_and_its_page_opens(client: Client, resource: Resource, roads: Resource) -> None:
    box = {"minx": "-1", "miny": "40,5", "maxx": "0", "maxy": "41", "crs": "epsg:4326"}
    choices = {"resource": ["dem", "roads", "\0"], "format.dem": "PNG", "something": "else\0"}
    answer = client.post(ORDER, {**PLACE, **box, **choices})
    placed = DownloadRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, tracking_page(placed))
    assert placed.email == EMAIL
    lines = placed.locators.values_list("resource", "format", "bbox", "crs")
    assert list(lines) == [
        ("dem", "PNG", [-1, 40.5, 0, 41], "EPSG:4326"),
        ("roads", "", [-1, 40.5, 0, 41], "EPSG:4326"),
    ]
    assert placed.raw_order == {
        **box, "email": EMAIL, "language": "en", "format.dem": "PNG", "resources": ["dem", "roads"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choices", "field", "words"),
    [
        ({"email": ""}, "email", "Write the e-mail address"),
        ({"email": "not an address"}, "email", "not an e-mail address"),
        ({"email": "ana\0@example.org"}, "email", "Null characters"),
        ({"email": "ana@example.org\r\nBcc: eve@example.org"}, "email", "not an e-mail address"),
        ({"language": "xx"}, "language", "valid choice"),
        ({"format.dem": "DWG"}, "format.dem", "valid choice"),
        ({"minx": "1"}, "miny", "all four sides"),
        ({"minx": "nan", "miny": "1", "maxx": "2", "maxy": "2"}, "minx", "number"),
        ({"minx": "5", "miny": "40", "maxx": "1", "maxy": "41"}, "minx", "reversed"),
        ({"minx": "100", "miny": "40", "maxx": "101", "maxy": "41"}, "minx", "Elevation: The box lies outside"),
        ({"minx": "0", "miny": "40", "maxx": "1", "maxy": "41", "crs": "EPSG:1"}, "crs", "not known"),
    ],
)
def test_what_is_wrong_stands_at_its_field(
    client: Client, resource: Resource, choices: dict[str, str], field: str, words: str
) -> None:
    page = client.post(ORDER, {**PLACE, "resource": "dem", **choices})
    assert page.status_code == 422
    assert words in page.context["form"].errors[field][0]
    assert page.context["form"].errors[field][0].split("'")[0].encode() in page.content
    assert not DownloadRequest.objects.exists()


def test_an_empty_and_a_full_cart_are_told_above_the_form(client: Client, resource: Resource, settings: Any) -> None:
    settings.DOWNLOADS_CART_LIMIT = 1
    Resource.objects.create(id="other", title="Other", source="http", url="http://127.0.0.1/")
    empty = client.post(ORDER, PLACE)
    full = client.post(ORDER, {**PLACE, "resource": ["dem", "other"]})
    assert "The order is empty" in empty.context["form"].non_field_errors()[0]
    assert "at most 1 can be ordered" in full.context["form"].non_field_errors()[0]


def test_adding_and_removing_keeps_what_was_filled_in(client: Client, resource: Resource, roads: Resource) -> None:
    more = client.post(ORDER, {"change": "1", "email": "ana@", "resource": "dem", "format.dem": "PNG", "add": "roads"})
    less = client.post(ORDER, {"remove": "dem", "email": "ana@", "resource": ["dem", "roads"]})
    assert more.context["form"].resources == [resource, roads]
    assert b'value="ana@"' in more.content
    assert b'<option value="PNG" selected>' in more.content
    assert less.context["form"].resources == [roads]
    assert less.context["form"].address == "/downloads/order/?resource=roads"
    assert not DownloadRequest.objects.exists()


def test_the_enter_key_places_the_order(client: Client, resource: Resource) -> None:
    page = client.get(ORDER, {"resource": "dem"}).content.decode()
    form = page[page.index('id="order"') :]
    assert re.findall(r'<button[^>]* name="(\w+)"', form)[0] == "order"


def test_orders_from_other_sites_are_refused(resource: Resource) -> None:
    answer = Client(enforce_csrf_checks=True).post(ORDER, {**PLACE, "resource": "dem"})
    assert answer.status_code == 403


def test_a_page_runs_nothing_inline(client: Client, resource: Resource, roads: Resource) -> None:
    request = order("dem", "roads")
    for address in ("/", f"{ORDER}?resource=dem", tracking_page(request), "/downloads/links/none/"):
        content = client.get(address).content.decode()
        assert "<style" not in content
        assert " style=" not in content
        assert not re.search(r"\son\w+=", content)
        assert not re.search(r"<script(?! src=)", content)
        assert not re.search(r'(src|href)="(https?:)?//', content)


# --- the tracking page ------------------------------------------------------------------------------------------

FACTS_OF: dict[LocatorStatus, dict[str, Any]] = {
    LocatorStatus.QUEUED: {},
    LocatorStatus.FETCHING: {"bytes_done": 500, "bytes_total": 1000},
    LocatorStatus.AWAITING_APPROVAL: {"approval": "pending"},
    LocatorStatus.ON_HOLD: {},
    LocatorStatus.RETRYING: {
        "error_code": "source-unavailable",
        "error_details": {"reason": "503"},
        "attempts": 2,
        "retry_at": timezone.now() + timedelta(hours=1),
    },
    LocatorStatus.WAITING_FOR_SPACE: {"error_code": "no-space"},
    LocatorStatus.FAILED: {"error_code": "source-missing", "error_details": {"reason": "<404>"}},
    LocatorStatus.CANCELLED: {"approval": "rejected", "decision_note": "Only for <members>"},
}


def part(status: LocatorStatus) -> dict[str, Any]:
    return {"status": status.value, **FACTS_OF[status]}


@pytest.mark.parametrize(
    ("status", "parts", "words"),
    [
        (
            "queued",
            ["queued", "queued"],
            ["Waiting for its turn", "Yours is the next in", "Cancel the order"],
        ),
        ("queued", ["retrying", "retrying"], ["Waiting to try again", "(503)", "Next try:", "2 tries so far"]),
        (
            "queued",
            ["waiting_for_space", "waiting_for_space"],
            ["Waiting for disk space", "disk is full at the moment"],
        ),
        (
            "awaiting_approval",
            ["awaiting_approval", "on_hold"],
            ["Waiting for approval", "An administrator decides", "has put this on hold"],
        ),
        ("awaiting_approval", ["on_hold", "on_hold"], ["On hold", "has put your order on hold"]),
        (
            "rejected",
            ["cancelled", "cancelled"],
            ["Rejected", "Not approved", "From the administrators", "Only for &lt;members&gt;"],
        ),
        ("packaging", ["fetching", "queued"], ["Being prepared", 'value="50"', "500\N{NO-BREAK SPACE}B of 1.0"]),
        ("failed", ["failed", "failed"], ["Failed", "no longer has this (&lt;404&gt;)", "Order again"]),
    ],
)
def test_every_state_without_a_link_is_told(
    client: Client, resource: Resource, roads: Resource, *, status: str, parts: list[str], words: list[str]
) -> None:
    request = shown_as(RequestStatus(status), [part(LocatorStatus(name)) for name in parts])
    page = client.get(tracking_page(request)).content.decode()
    for word in words:
        assert word in page


@pytest.mark.parametrize(
    ("status", "link", "words", "missing"),
    [
        ("partly_ready", LinkStatus.ACTIVE, ["Partly ready", "12.3", "abababab", "curl -C - -O http"], "Order again"),
        ("ready", LinkStatus.ACTIVE, ["Everything that you ordered", "sha256sum download.zip"], "Order again"),
        (
            "ready_with_errors",
            LinkStatus.ACTIVE,
            ["Ready, but incomplete", "Order what is missing again"],
            "Order again",
        ),
        ("expired", LinkStatus.EXPIRED, ["Expired", "This link ended on", "Order again"], "curl"),
        ("cancelled", LinkStatus.CANCELLED_BY_USER, ["Cancelled", "cancelled by you"], "curl"),
        ("cancelled", LinkStatus.CANCELLED_BY_ADMIN, ["Cancelled", "by an administrator"], "Cancel the order"),
    ],
)
def test_every_state_with_a_link_is_told(
    client: Client,
    resource: Resource,
    roads: Resource,
    *,
    status: str,
    link: LinkStatus,
    words: list[str],
    missing: str,
) -> None:
    request = shown_as(RequestStatus(status), [{}, part(LocatorStatus.FAILED)])
    made = link_to(request, status=link)
    ResourceLocator.objects.filter(request=request, position=0).update(status="delivered", link=made, bytes_total=9)
    page = client.get(tracking_page(request)).content.decode()
    for word in words:
        assert word in page
    assert missing not in page


def test_the_page_is_kept_by_nobody_and_tells_nobody_its_url(client: Client, resource: Resource) -> None:
    page = client.get(tracking_page(order("dem")))
    assert "no-store" in page["Cache-Control"]
    assert page["Referrer-Policy"] == "same-origin"
    assert "noindex" in page["X-Robots-Tag"]


def test_without_scripts_the_page_is_loaded_again_until_it_is_final(client: Client, resource: Resource) -> None:
    request = order("dem")
    assert b'<noscript><meta http-equiv="refresh"' in client.get(tracking_page(request)).content
    client.post(tracking_page(request) + "cancel/")
    assert b"refresh" not in client.get(tracking_page(request)).content


def test_an_order_is_cancelled_once(client: Client, resource: Resource) -> None:
    request = order("dem")
    answer = client.post(tracking_page(request) + "cancel/")
    request.refresh_from_db()
    assert (answer.status_code, answer["Location"]) == (302, tracking_page(request))
    assert request.status == RequestStatus.CANCELLED
    DownloadRequest.objects.filter(pk=request.pk).update(status=RequestStatus.FAILED)
    late = client.post(tracking_page(request) + "cancel/")
    assert late.status_code == 409
    assert b"ended already" in late.content


def test_cancelling_needs_the_page_and_a_post(resource: Resource) -> None:
    address = tracking_page(order("dem")) + "cancel/"
    assert Client(enforce_csrf_checks=True).post(address).status_code == 403
    assert Client().get(address).status_code == 405


def test_an_unknown_order_gets_a_friendly_page(client: Client) -> None:
    page = client.get("/downloads/requests/11111111-2222-3333-4444-555555555555/")
    assert page.status_code == 404
    assert b"no such order" in page.content


def test_the_page_costs_the_same_for_two_resources_and_for_many(
    client: Client, resource: Resource, roads: Resource, django_assert_num_queries: Any
) -> None:
    few, many = order("dem", "roads"), order("dem")
    ResourceLocator.objects.bulk_create(
        ResourceLocator(request=many, position=position, resource=roads) for position in range(1, 15)
    )
    for request in (few, many):
        with django_assert_num_queries(4):
            client.get(tracking_page(request))


# --- links, languages, the portal -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "days", "code", "words"),
    [
        (LinkStatus.ACTIVE, -1, 410, "has expired"),
        (LinkStatus.EXPIRED, -1, 410, "has expired"),
        (LinkStatus.CANCELLED_BY_USER, 1, 410, "by the person who ordered it"),
        (LinkStatus.CANCELLED_BY_ADMIN, 1, 410, "An administrator of the portal cancelled"),
        (LinkStatus.ACTIVE, 1, 404, "cannot be sent"),
    ],
)
def test_a_link_that_gives_nothing_says_why_and_nothing_else(
    client: Client, resource: Resource, *, status: LinkStatus, days: int, code: int, words: str
) -> None:
    link = link_to(order("dem"), days=days, status=status)
    page = client.get(f"/downloads/links/{link.token}/download.zip")
    assert page.status_code == code
    assert words in page.content.decode()
    assert EMAIL.encode() not in page.content
    assert str(link.request.public_id).encode() not in page.content


def test_an_unknown_link_gets_a_friendly_page(client: Client) -> None:
    page = client.get("/downloads/links/nothing/download.zip")
    assert page.status_code == 404
    assert b"not known" in page.content


def test_pages_speak_the_language_of_the_browser_or_the_one_chosen(client: Client, resource: Resource) -> None:
    request = order("dem")
    spanish = {"Accept-Language": "es-AR,es;q=0.9,en;q=0.5"}
    page = client.get(tracking_page(request), headers=spanish).content.decode()
    assert '<html lang="es">' in page
    assert "A la espera de su turno" in page
    client.post("/i18n/setlang/", {"language": "en", "next": tracking_page(request)})
    assert "Waiting for its turn" in client.get(tracking_page(request), headers=spanish).content.decode()


def test_the_order_page_offers_the_mails_in_the_language_of_the_page(client: Client, resource: Resource) -> None:
    page = client.get(ORDER, {"resource": "dem"}, headers={"Accept-Language": "es"}).content.decode()
    assert '<option value="es" selected>' in page


def test_the_demo_catalogue_loads_twice_and_can_be_ordered(client: Client) -> None:
    call_command("load_demo", verbosity=0)
    call_command("load_demo", verbosity=0)
    assert Resource.objects.count() == 3
    page = client.get("/").content.decode()
    for resource in Resource.objects.all():
        assert resource.title in page
        assert f'name="resource" value="{resource.pk}"' in page
        assert f"/data/previews/{resource.pk}." in page
    assert Resource.objects.get(pk="countries").url == "http://testserver/data/countries.geojson"
    assert current_policy().cart_limit >= Resource.objects.count()


def test_the_sample_data_come_in_parts_and_with_validators(client: Client) -> None:
    whole = client.get("/data/countries.csv")
    content = b"".join(whole)
    rest = client.get("/data/countries.csv", headers={"Range": "bytes=100-", "If-Range": whole["ETag"]})
    assert whole["Content-Type"] == "text/csv"
    assert rest.status_code == 206
    assert b"".join(rest) == content[100:]


@pytest.mark.parametrize("name", ["../settings.py", "%2e%2e/settings.py", "nothing.csv", "previews"])
def test_the_sample_data_lead_nowhere_else(client: Client, name: str) -> None:
    assert client.get(f"/data/{name}").status_code == 404


def test_the_page_offers_only_what_a_source_makes(client: Client, resource: Resource, settings: Any) -> None:
    address = "/downloads/order/?resource=dem"
    page = client.get(address).content.decode()
    assert 'name="minx"' in page
    assert 'name="format.dem"' in page
    settings.DOWNLOADS_SOURCES = {}
    page = client.get(address).content.decode()
    assert 'name="minx"' not in page
    assert 'name="format.dem"' not in page
    assert "GeoTIFF, PNG" in page
    # A page that was open before sends them all the same.
    sent = {"resource": "dem", "email": "ana@example.org", "minx": -4, "miny": 36, "maxx": -3, "maxy": 37, "order": 1}
    assert client.post(address, sent).status_code == 302
    assert ResourceLocator.objects.get().bbox is None
