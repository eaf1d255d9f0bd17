"""With a hundred thousand orders, looking at some and ending some costs by those."""

import pytest
from django.db import connection

from downman.services import purge
from tests.integration.monitoring.console import downman
from tests.integration.test_scale import TransferWatchdog, _many

__all__ = ["_many"]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "words",
    [
        ("orders",),
        ("orders", "--limit", "1000", "--before", "60000"),
        ("orders", "--status", "failed", "--status", "queued", "--status", "awaiting_approval"),
        ("orders", "--since", "2999-01-01"),
        ("orders", "--email", "person7@example.org", "--status", "failed"),
        ("orders", "--email", "nobody@example.org"),
        ("show", "99999"),
    ],
    ids=" ".join,
)
def test_looking_costs_by_what_is_shown(_many: None, words: tuple[str, ...]) -> None:  # noqa: PT019 - its value is not needed, its order is
    watch = TransferWatchdog()
    with connection.execute_wrapper(watch):
        assert downman(*words).status == 0
    assert watch.complaints == []


def test_purging_costs_by_what_waits(_many: None) -> None:  # noqa: PT019 - its value is not needed, its order is
    watch = TransferWatchdog()
    with connection.execute_wrapper(watch):
        assert purge.count_orders().queued == 800
        assert next(purge.purge_orders(actor="root")) == purge.ORDERS_AT_ONCE
        owed = purge.count_mails()
        assert sum(purge.purge_mails()) == owed > 0
    assert watch.complaints == []
