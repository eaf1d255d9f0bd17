"""What was stored before a migration is right after it, and its old self when the migration is taken back."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from downman.domain.numbering import parse_number
from downman.models import DownloadLink, DownloadRequest, GenericRequest, Resource, ResourceLocator
from downman.services import approvals
from tests.integration.orders import delivered, order, wish

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def migrated_back_to(name: str) -> Iterator[None]:
    """Take the migrations after this one back, and apply them again."""
    try:
        MigrationExecutor(connection).migrate([("downloads", name)])
        yield
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes("downloads"))


def test_rows_from_before_there_were_numbers_get_one(resource: Resource) -> None:
    stored: list[DownloadRequest | GenericRequest] = [order("dem"), order("dem"), wish()]
    with migrated_back_to("0003_metrics_indexes"):
        pass
    numbers = []
    for row in stored:
        row.refresh_from_db(fields=["number"])
        numbers.append(row.number)
    assert len(set(numbers)) == 3
    assert all(parse_number(number) == number for number in numbers)


def test_what_waits_for_a_decision_is_told_apart_from_what_was_stopped(resource: Resource, roads: Resource) -> None:
    Resource.objects.filter(pk="roads").update(restricted=True)
    request = order("dem", "roads")
    approvals.hold(request.locators.get(position=0).pk, actor="ana")
    now = "SELECT status FROM downloads_resourcelocator ORDER BY position"
    with migrated_back_to("0004_public_numbers"), connection.cursor() as cursor:
        cursor.execute(now)
        assert cursor.fetchall() == [("on_hold",), ("on_hold",)]
    assert [part.status for part in request.locators.all()] == ["on_hold", "awaiting_approval"]


def test_codes_of_errors_and_deliveries_get_their_new_names_and_their_old_ones_back(resource: Resource) -> None:
    link = delivered("dem").links.get()
    DownloadLink.objects.filter(pk=link.pk).update(delivery="redirect")
    part = order("dem").locators.get()
    for old, new in (
        ("source-broke", "transfer-interrupted"),
        ("source-endless", "source-too-large"),
        ("gave-up", "retries-exhausted"),
    ):
        ResourceLocator.objects.filter(pk=part.pk).update(error_code=new)
        with migrated_back_to("0006_names_that_people_read"), connection.cursor() as cursor:
            cursor.execute("SELECT delivery FROM downloads_downloadlink WHERE id = %s", [link.pk])
            assert cursor.fetchone() == ("address",)
            cursor.execute("SELECT error_code FROM downloads_resourcelocator WHERE id = %s", [part.pk])
            assert cursor.fetchone() == (old,)
        assert ResourceLocator.objects.get(pk=part.pk).error_code == new
        assert DownloadLink.objects.get(pk=link.pk).delivery == "redirect"
