import json
from typing import Any

import pytest
from django.test import Client

from downman.models import DownloadRequest, GenericRequest, Resource
from tests.integration.orders import EMAIL, delivered, order, wish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("honoured")]

API = "/downloads/api/"


def post(client: Client, body: Any, *, to: str = "requests/", content_type: str = "application/json") -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return client.post(f"{API}{to}", text, content_type=content_type)


def call(client: Client, request: DownloadRequest, what: str) -> Any:
    return client.post(f"{API}requests/{request.public_id}/{what}/")


def valid(**changes: Any) -> dict[str, Any]:
    return {"email": EMAIL, "language": "en", "resources": [{"resource": "dem"}], **changes}


def test_an_order_is_placed_and_can_be_followed(client: Client, resource: Resource) -> None:
    answer = post(client, valid(resources=[{"resource": "dem", "bbox": [-4, 36, -3, 37], "crs": "EPSG:4326"}]))
    assert answer.status_code == 201
    placed = answer.json()
    assert placed["status"] == "queued"
    assert placed["tracking_url"] == f"http://testserver/downloads/requests/{placed['id']}/"

    tracked = client.get(f"{API}requests/{placed['id']}/").json()
    assert tracked["progress"] == {"bytes_done": 0, "bytes_total": None, "percent": 0}
    assert tracked["queue_position"] == 0
    assert [(row["resource"], row["status"], row["attempts"]) for row in tracked["resources"]] == [("dem", "queued", 0)]
    assert tracked["links"] == []
    assert EMAIL not in json.dumps(tracked)

    cancelled = client.post(f"{API}requests/{placed['id']}/cancel/").json()
    assert cancelled["status"] == "cancelled"


def test_the_catalogue_lists_what_can_be_ordered_but_not_where_it_lies(client: Client, resource: Resource) -> None:
    answer = client.get(f"{API}resources/").json()
    assert [row["id"] for row in answer] == ["dem"]
    assert resource.url not in json.dumps(answer)


def test_the_openapi_document_names_every_path(client: Client, db: None) -> None:
    document = client.get(f"{API}openapi.json").json()
    assert set(document["paths"]) == {
        f"{API}resources/",
        f"{API}limits/",
        f"{API}requests/",
        f"{API}requests/{{public_id}}/",
        f"{API}requests/{{public_id}}/cancel/",
        f"{API}requests/{{public_id}}/resources/{{position}}/cancel/",
        f"{API}requests/{{public_id}}/links/{{position}}/cancel/",
        f"{API}requests/{{public_id}}/extend/",
        f"{API}requests/{{public_id}}/again/",
        f"{API}requests/{{public_id}}/email/",
        f"{API}requests/{{public_id}}/confirmation/",
        f"{API}email-check/",
        f"{API}generic-requests/",
        f"{API}generic-requests/{{public_id}}/",
        f"{API}generic-requests/{{public_id}}/cancel/",
    }


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (valid(email="ana"), 422, "e-mail"),
        (valid(email="ana@example.org\nBcc: eve@example.org"), 422, "e-mail"),
        (valid(language="en\nX: y"), 422, "language"),
        (valid(resources=[]), 422, "empty"),
        (valid(resources=[{"resource": "nothing"}]), 422, "catalogue"),
        (valid(resources=[{"resource": "dem"}] * 21), 422, "at most 20"),
        (valid(resources=[{"resource": "dem"}] * 2), 422, "twice"),
        (valid(resources=[{"resource": "dem", "bbox": [1, 2, 3]}]), 422, "resources.0.bbox"),
        (valid(resources=[{"resource": "dem", "bbox": "all"}]), 422, "resources.0.bbox"),
        (valid(resources=[{"resource": "dem", "url": "file:///etc/passwd"}]), 422, "resources.0.url"),
        (valid(resources="dem"), 422, "resources"),
        ({}, 422, "email"),
        ([], 422, "order"),
        ("{", 400, "JSON"),
        ('{"email": "a@example.org", "resources": [{"resource": "dem", "bbox": [NaN, 1, 2, 3]}]}', 422, "finite"),
        ('{"email": "a@example.org", "resources": [{"resource": "dem", "bbox": [1e999, 1, 2, 3]}]}', 422, "finite"),
        (valid(email="x" * 2_000), 422, "email"),
        (r'{"email": "a@example.org", "resources": [{"resource": "\ud800"}]}', 422, "resource"),
        (r'{"email": "a@example.org", "resources": [{"resource": "dem", "format": "\ud800"}]}', 422, "format"),
        (r'{"email": "a@example.org", "resources": [{"resource": "dem", "crs": "\ud800"}]}', 422, "crs"),
        (r'{"email": "\ud800@example.org", "resources": [{"resource": "dem"}]}', 422, "email"),
    ],
)
def test_a_bad_order_is_a_problem_that_says_what_to_change(
    client: Client, resource: Resource, body: Any, status: int, word: str
) -> None:
    answer = post(client, body)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert word.casefold() in problem["detail"].casefold()
    assert not DownloadRequest.objects.exists()


def test_a_megabyte_of_json_is_refused_unread(client: Client, resource: Resource) -> None:
    answer = post(client, valid(email="x" * 1_000_000))
    assert answer.status_code == 413
    assert "262144 bytes" in answer.json()["detail"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_that_is_not_called_json_is_refused(client: Client, resource: Resource, content_type: str) -> None:
    assert post(client, json.dumps(valid()), content_type=content_type).status_code == 415


@pytest.mark.parametrize("public_id", ["00000000-0000-0000-0000-000000000000", "1", "x"])
def test_an_unknown_order_is_a_problem_whatever_its_name(client: Client, db: None, public_id: str) -> None:
    answer = client.get(f"{API}requests/{public_id}/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_an_order_that_has_ended_cannot_be_cancelled(client: Client, resource: Resource) -> None:
    request = order("dem")
    DownloadRequest.objects.update(status="expired")
    answer = call(client, request, "cancel")
    assert answer.status_code == 409
    assert "expired" in answer.json()["detail"]


# --- the parts of an order ---------------------------------------------------------------------------------------


def test_one_resource_is_cancelled_by_its_place_and_the_rest_goes_on(
    client: Client, resource: Resource, roads: Resource
) -> None:
    request = order("dem", "roads")
    told = call(client, request, "resources/1/cancel").json()
    assert [(row["position"], row["status"]) for row in told["resources"]] == [(0, "queued"), (1, "cancelled")]
    assert told["status"] == "queued"
    again = call(client, request, "resources/1/cancel")
    assert (again.status_code, again["Content-Type"]) == (409, "application/problem+json")


def test_one_link_is_cancelled_by_its_place(client: Client, resource: Resource) -> None:
    request = delivered("dem")
    told = call(client, request, "links/0/cancel").json()
    assert (told["status"], told["links"][0]["status"]) == ("cancelled", "cancelled_by_user")
    assert call(client, request, "links/0/cancel").status_code == 409


@pytest.mark.parametrize(
    "what", ["resources/1", "resources/-1", "resources/99999999999999999999", "links/0", "links/-1"]
)
def test_a_place_where_nothing_is_is_told(client: Client, resource: Resource, what: str) -> None:
    answer = call(client, order("dem"), f"{what}/cancel")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert "counted from 0" in answer.json()["detail"]


@pytest.mark.parametrize("what", ["resources/0/cancel", "links/0/cancel", "extend", "again", "cancel"])
def test_what_is_done_to_one_order_needs_its_id(client: Client, resource: Resource, what: str) -> None:
    request = delivered("dem")
    answer = client.post(f"{API}requests/00000000-0000-0000-0000-000000000000/{what}/")
    assert answer.status_code == 404
    assert client.post(f"{API}requests/{request.pk}/{what}/").status_code == 404
    request.refresh_from_db()
    assert request.status == "ready"


def test_what_an_administrator_wrote_is_told(client: Client, resource: Resource) -> None:
    request = order("dem")
    request.locators.update(decision_note="Only for members.")
    told = client.get(f"{API}requests/{request.public_id}/").json()
    assert told["resources"][0]["note"] == "Only for members."


# --- keeping it longer, ordering again ---------------------------------------------------------------------------


def test_links_are_kept_longer_as_long_as_the_site_allows(client: Client, resource: Resource) -> None:
    request = delivered("dem", days=1, age_days=6)
    before = client.get(f"{API}requests/{request.public_id}/").json()
    assert before["can_extend"]
    after = call(client, request, "extend").json()
    assert after["links"][0]["expires_at"] > before["links"][0]["expires_at"]
    assert not after["can_extend"]
    refused = call(client, request, "extend")
    assert refused.status_code == 409
    assert "order them again later" in refused.json()["detail"]


def test_what_is_over_is_ordered_again_with_the_same_choices(client: Client, resource: Resource) -> None:
    first = post(client, valid(resources=[{"resource": "dem", "format": "PNG", "bbox": [-4, 36, -3, 37]}])).json()
    too_early = client.post(f"{API}requests/{first['id']}/again/")
    assert too_early.status_code == 409
    told = client.post(f"{API}requests/{first['id']}/cancel/").json()
    assert told["can_order_again"]
    answer = client.post(f"{API}requests/{first['id']}/again/")
    assert answer.status_code == 201
    assert answer.json()["id"] != first["id"]
    placed = DownloadRequest.objects.get(public_id=answer.json()["id"])
    assert list(placed.locators.values_list("resource", "format", "bbox")) == [("dem", "PNG", [-4, 36, -3, 37])]
    assert placed.email == EMAIL


def test_what_is_no_longer_offered_cannot_be_ordered_again(client: Client, resource: Resource) -> None:
    request = order("dem")
    call(client, request, "cancel")
    Resource.objects.update(offered=False)
    answer = call(client, request, "again")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "resources.0.resource"


def test_what_was_rejected_is_not_ordered_again_with_one_call(client: Client, resource: Resource) -> None:
    request = order("dem")
    request.locators.update(status="cancelled", approval="rejected")
    DownloadRequest.objects.update(status="rejected")
    assert not client.get(f"{API}requests/{request.public_id}/").json()["can_order_again"]
    assert call(client, request, "again").status_code == 409


def test_telling_how_an_order_stands_costs_little(
    client: Client, resource: Resource, roads: Resource, django_assert_max_num_queries: Any
) -> None:
    for request in (order("dem", "roads"), delivered("dem", "roads")):
        with django_assert_max_num_queries(4):
            client.get(f"{API}requests/{request.public_id}/")


# --- generic requests --------------------------------------------------------------------------------------------

WISH = {"email": EMAIL, "language": "es", "description": "Soil maps", "usage": "A thesis", "organisation": "UJA"}


def test_a_wish_is_registered_followed_and_taken_back(client: Client, db: None) -> None:
    answer = post(client, {**WISH, "map_view": {"zoom": 7}}, to="generic-requests/")
    assert answer.status_code == 201
    registered = answer.json()
    assert registered["tracking_url"] == f"http://testserver/downloads/generic/{registered['id']}/"
    stored = GenericRequest.objects.get()
    assert (stored.email, stored.language, stored.organisation, stored.map_view) == (EMAIL, "es", "UJA", {"zoom": 7})

    address = f"{API}generic-requests/{registered['id']}/"
    told = client.get(address).json()
    assert set(told) == {"id", "number", "status", "created_at", "description", "answer", "decided_at"}
    assert (told["status"], told["description"], told["decided_at"]) == ("registered", "Soil maps", None)
    assert client.post(f"{address}cancel/").json()["status"] == "cancelled"
    assert client.post(f"{address}cancel/").status_code == 409


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "ana"}, "email"),
        ({"description": " "}, "description"),
        ({"description": "x" * 5001}, "description"),
        ({"usage": "\0"}, "usage"),
        ({"organisation": "x" * 201}, "organisation"),
        ({"language": "not a language"}, "language"),
        ({"map_view": {"zoom": float("nan")}}, "map_view"),
        ({"map_view": {"name": "\0"}}, "map_view"),
        ({"map_view": {"name": "\ud800"}}, "map_view"),
        ({"map_view": [1]}, "map_view"),
        ({"status": "completed"}, "status"),
    ],
)
def test_a_bad_wish_says_what_to_change(client: Client, db: None, changes: dict[str, Any], field: str) -> None:
    answer = post(client, {**WISH, **changes}, to="generic-requests/")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert not GenericRequest.objects.exists()


def test_a_wish_is_guarded_like_an_order(client: Client, db: None) -> None:
    assert post(client, {**WISH, "usage": "x" * 1_000_000}, to="generic-requests/").status_code == 413
    assert post(client, json.dumps(WISH), to="generic-requests/", content_type="text/plain").status_code == 415


@pytest.mark.parametrize("public_id", ["00000000-0000-0000-0000-000000000000", "1"])
def test_an_unknown_wish_is_a_problem(client: Client, db: None, public_id: str) -> None:
    wish()
    for answer in (
        client.get(f"{API}generic-requests/{public_id}/"),
        client.post(f"{API}generic-requests/{public_id}/cancel/"),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_the_catalogue_offers_only_what_a_source_makes(client: Client, resource: Resource, settings: Any) -> None:
    def offered() -> dict[str, Any]:
        (found,) = client.get("/downloads/api/resources/").json()
        return {name: found[name] for name in ("formats", "honours")}

    assert offered() == {"formats": ["GeoTIFF", "PNG"], "honours": ["format", "bbox", "crs"]}
    settings.DOWNLOADS_SOURCES = {}
    assert offered() == {"formats": [], "honours": []}
    Resource.objects.update(formats=["GeoTIFF"])
    assert offered() == {"formats": ["GeoTIFF"], "honours": []}
    settings.DOWNLOADS_SOURCES = {"http": "no.such.Source"}
    assert offered() == {"formats": ["GeoTIFF"], "honours": []}
