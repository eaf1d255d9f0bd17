"""What one person has of the site at a time: open orders, bytes that are still to come, bytes that are kept."""

from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from downman.domain.errors import LimitReached
from downman.domain.limits import LimitName, Limits
from downman.domain.policy import Delivery
from downman.domain.status import ENDED_REQUESTS, SETTLED_LOCATORS, LinkStatus, RequestStatus
from downman.models import DownloadLink, DownloadRequest
from downman.services.limit_words import describe_quota
from downman.services.persons import Person

#: Seconds after which it is worth asking again whether an order has come to its end.
ASK_AGAIN_AFTER = 60
#: Of which nothing is still to come, or not before somebody proves that it is theirs.
_OVER = frozenset({*ENDED_REQUESTS, RequestStatus.READY, RequestStatus.READY_WITH_ERRORS, RequestStatus.UNVERIFIED})
_OPEN = sorted(set(RequestStatus) - _OVER)


def check(person: Person, limits: Limits, *, own: int = 0) -> None:
    """Refuse another order of somebody who has as much as they may have. Raises `LimitReached`.

    `own` is 1 where that order is among theirs already; otherwise nothing is known of its size. One alone may be larger
    than the limit of bytes, or nobody could ever place it.
    """
    now = timezone.now()
    if limits.open_orders or limits.bytes_under_way:
        orders, under_way = _count_open(person)
        others = orders - own
        if limits.open_orders and others >= limits.open_orders:
            _refuse(LimitName.OPEN_ORDERS, limits.open_orders)
        if limits.bytes_under_way and under_way > limits.bytes_under_way and others:
            _refuse(LimitName.BYTES_UNDER_WAY, limits.bytes_under_way)
    if limits.bytes_kept:
        rows = _kept(person, now).order_by("expires_at").values_list("size", "expires_at")
        kept = [(size or 0, end) for size, end in rows]
        excess = sum(size for size, _end in kept) - limits.bytes_kept
        if excess >= 0:
            _refuse(LimitName.BYTES_KEPT, limits.bytes_kept, until=_freed_at(kept, excess), now=now)


def count(person: Person) -> dict[LimitName, int]:
    """Return what a person has of each."""
    orders, under_way = _count_open(person)
    kept = _kept(person, timezone.now()).aggregate(total=Sum("size", default=0))["total"]
    return {LimitName.OPEN_ORDERS: orders, LimitName.BYTES_UNDER_WAY: under_way, LimitName.BYTES_KEPT: kept}


def _count_open(person: Person) -> tuple[int, int]:
    """Return how many orders of a person are open, and how many bytes of them are still to come."""
    coming = ~Q(locators__status__in=sorted(SETTLED_LOCATORS))
    facts = (
        DownloadRequest.objects.filter(person.owns(), status__in=_OPEN)
        .order_by()
        .aggregate(
            orders=Count("pk", distinct=True),
            expected=Coalesce(Sum(Coalesce("locators__bytes_total", "locators__bytes_done"), filter=coming), 0),
        )
    )
    return facts["orders"], int(facts["expected"])


def _kept(person: Person, now: datetime) -> QuerySet[DownloadLink]:
    return DownloadLink.objects.filter(
        person.owns(path="request__"), delivery=Delivery.PACKAGE, status=LinkStatus.ACTIVE, expires_at__gt=now
    )


def _freed_at(kept: list[tuple[int, datetime]], excess: int) -> datetime:
    """Return when so much has expired that less than the limit is left."""
    for size, end in kept:
        excess -= size
        if excess < 0:
            return end
    return kept[-1][1]


def _refuse(name: LimitName, limit: int, *, until: datetime | None = None, now: datetime | None = None) -> None:
    wait = until - now if until and now else timedelta(seconds=ASK_AGAIN_AFTER)
    raise LimitReached(
        limit=name, message=describe_quota(name, limit), retry_after=int(wait.total_seconds()) + (until is not None)
    )
