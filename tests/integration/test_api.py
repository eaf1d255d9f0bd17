import json
from typing import Any

import pytest
from django.test import Client

from django_integration.downloads.models import DownloadRequest, Resource
from tests.integration.orders import EMAIL, order

pytestmark = pytest.mark.django_db

API = "/downloads/api/"


def post(client: Client, body: Any, **options: Any) -> Any:
    text = body if isinstance(body, str) else json.dumps(body)
    return client.post(f"{API}requests/", text, content_type=options.pop("content_type", "application/json"), **options)


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
        f"{API}requests/",
        f"{API}requests/{{public_id}}/",
        f"{API}requests/{{public_id}}/cancel/",
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


@pytest.mark.parametrize("public_id", ["00000000-0000-0000-0000-000000000000", "1", "x", "%00"])
def test_an_unknown_order_is_a_problem_whatever_its_name(client: Client, db: None, public_id: str) -> None:
    answer = client.get(f"{API}requests/{public_id}/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_an_order_that_has_ended_cannot_be_cancelled(client: Client, resource: Resource) -> None:
    request = order("dem")
    DownloadRequest.objects.update(status="expired")
    answer = client.post(f"{API}requests/{request.public_id}/cancel/")
    assert answer.status_code == 409
    assert "expired" in answer.json()["detail"]
