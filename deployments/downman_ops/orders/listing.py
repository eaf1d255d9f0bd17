"""The newest orders, page by page; whose they are is shown by `show` only."""

import heapq
from collections.abc import Mapping, Sequence
from itertools import islice, takewhile
from typing import Any

from django.db.models import Count
from django.utils import timezone

from downman.domain.status import LocatorStatus, describe_status
from downman.models import DownloadRequest, ResourceLocator
from downman_ops.commands import Report, Table
from downman_ops.orders.details import find_order

COLUMNS = {
    "order": "id",
    "number": "order",
    "status": "status",
    "created_at": "placed",
    "updated_at": "changed",
    "parts": "parts",
    "due_at": "next run due",
    "language": "language",
}


class PartCounts(dict[str, int]):
    """How many parts of an order are in each state: an object for scripts, words for people."""

    def __str__(self) -> str:
        """Say it in words."""
        return ", ".join(f"{count} {describe_status(status)}" for status, count in self.items())


def orders(options: Mapping[str, Any]) -> Report:
    """List one page of orders; two queries, and one more for each further state that is asked for."""
    limit = options["limit"]
    found = _newest(options, count=limit + 1)
    page = found[:limit]
    counts = _part_counts([order.pk for order in page])
    rows = [
        (
            order.pk,
            order.number,
            order.status,
            order.created_at,
            order.updated_at,
            counts.get(order.pk, PartCounts()),
            order.due_at,
            order.language,
        )
        for order in page
    ]
    note = f"There are more: --before {page[-1].number} gives the next page." if len(found) > limit else ""
    return Report(
        tables=[
            Table(
                name="orders", title="Orders, newest first", columns=COLUMNS, rows=rows, note=note, only_json=["order"]
            )
        ]
    )


def _newest(options: Mapping[str, Any], *, count: int) -> list[DownloadRequest]:
    found = DownloadRequest.objects.order_by("-pk").only(
        "pk", "number", "status", "created_at", "updated_at", "due_at", "language"
    )
    if options["before"] is not None:
        found = found.filter(pk__lt=find_order(options["before"]).pk)
    if options["email"] is not None:
        found = found.filter(email=options["email"])
    # Each state by itself: an index gives the newest of one state, while those of several mean to sort all of them.
    pages = [found.filter(status=status)[:count] for status in options["status"]] or [found[:count]]
    newest = heapq.merge(*pages, key=lambda order: -order.pk)
    # Numbers are given in the order of time, so that no index by time is needed.
    since = options["since"]
    if since is not None and since.tzinfo is None:
        since = timezone.make_aware(since)
    return list(islice(takewhile(lambda order: since is None or order.created_at >= since, newest), count))


def _part_counts(orders: Sequence[int]) -> Mapping[int, PartCounts]:
    counted = (
        ResourceLocator.objects.filter(request_id__in=orders)
        .order_by()
        .values_list("request_id", "status")
        .annotate(count=Count("pk"))
    )
    found: dict[int, dict[str, int]] = {}
    for order, status, count in counted:
        found.setdefault(order, {})[status] = count
    return {
        order: PartCounts({status.value: counts[status] for status in LocatorStatus if status in counts})
        for order, counts in found.items()
    }
