"""The number by which people speak of an order: each has its own, it finds the order, and it opens nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from downman.models import DownloadRequest, Resource
from downman.models.numbers import create_numbered
from downman.services.finding import find_order
from downman.services.tracking import tracking_url
from tests.integration.orders import order

FACTS: dict[str, Any] = {"email": "eva@example.org", "language": "en", "raw_order": {}}


@pytest.mark.django_db
def test_a_number_that_is_taken_is_drawn_anew(resource: Resource) -> None:
    taken = order("dem").number
    draws: Iterator[str] = iter([taken, "2FFF-043D"])
    assert create_numbered(DownloadRequest, draw=lambda: next(draws), **FACTS).number == "2FFF-043D"
    with pytest.raises(AssertionError):
        create_numbered(DownloadRequest, draw=lambda: taken, **FACTS)
    with pytest.raises(IntegrityError, match="request_number_once"), transaction.atomic():
        DownloadRequest.objects.create(number=taken, **FACTS)


@pytest.mark.django_db
def test_what_the_database_refuses_for_another_reason_is_not_tried_again(resource: Resource) -> None:
    with pytest.raises(IntegrityError, match="request_status_known"):
        create_numbered(DownloadRequest, status="nonsense", **FACTS)


@pytest.mark.django_db
def test_an_order_is_found_by_whatever_people_have_of_it(resource: Resource) -> None:
    found, _other = order("dem"), order("dem")
    number = found.number
    for text in (
        number,
        f" #{number} ",
        number.lower(),
        number.replace("-", ""),
        str(found.pk),
        str(found.public_id),
        str(found.public_id).upper(),
        tracking_url(found),
        f"/downloads/api/requests/{found.public_id}/",
    ):
        assert find_order(text) == found, text
    for text in ("", "nothing", "0", "9" * 30, "2FFF-043D", "00000000-0000-0000-0000-000000000000", "\0", "\u0661"):
        with pytest.raises(DownloadRequest.DoesNotExist):
            find_order(text)


@pytest.mark.django_db
def test_a_number_opens_nothing(client: Client, resource: Resource) -> None:
    request = order("dem")
    for number in (request.number, request.number.replace("-", "")):
        for path in ("requests", "api/requests", "links"):
            assert client.get(f"/downloads/{path}/{number}/").status_code == 404
        assert client.post(f"/downloads/api/requests/{number}/cancel/").status_code == 404
        assert client.post(f"/downloads/requests/{number}/cancel/").status_code == 404
    told = client.get(f"/downloads/api/requests/{request.public_id}/").json()
    assert told["number"] == request.number
    assert request.number in client.get(f"/downloads/requests/{request.public_id}/").content.decode()
