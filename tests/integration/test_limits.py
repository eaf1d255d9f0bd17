"""Limits: who is refused, when, with what answer; all by the real site on a real PostgreSQL."""

import json
from typing import Any

import pytest
from django.test import Client

from downman.models import DownloadRequest, LimitUse, PolicyRecord, Resource
from tests.integration.orders import EMAIL

pytestmark = pytest.mark.django_db

API = "/downloads/api/"


def place(client: Client, *, email: str = EMAIL, resource: str = "dem", **headers: Any) -> Any:
    body = {"email": email, "resources": [{"resource": resource}]}
    return client.post(f"{API}requests/", json.dumps(body), content_type="application/json", **headers)


def ask(client: Client, *, email: str = EMAIL, **headers: Any) -> Any:
    body = {"email": email, "description": "A map of the moon."}
    return client.post(f"{API}generic-requests/", json.dumps(body), content_type="application/json", **headers)


def limit(**values: int) -> None:
    PolicyRecord.objects.update_or_create(pk=1, defaults={f"limit_{name}": value for name, value in values.items()})


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
    assert_refused(answers[-1], "orders_per_network", "3 orders", "10 minutes")
    assert 590 <= int(answers[-1]["Retry-After"]) <= 601
    assert DownloadRequest.objects.count() == 3
    assert LimitUse.objects.count() == 6
    # Another network is not affected.
    assert place(client, email="other@example.org", REMOTE_ADDR="192.0.2.1").status_code == 201
