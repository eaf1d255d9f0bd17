"""Emptying the queues: orders that wait for a worker are cancelled, mails that are owed are given up.

Rows are taken in small transactions. One that somebody else holds is passed over, not waited for: a worker that takes
an order at the same moment has it, or finds it cancelled.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from downman.domain.status import UNSENT_NOTICES, NoticeStatus, RequestStatus
from downman.models import DownloadRequest, Notice
from downman.services.cancelling import end_all, end_waiting
from downman.services.notices import CLAIMED_AT_ONCE, GIVEN_UP, claim_timeout
from downman.services.transitions import OrderChange

#: Orders of one transaction: a worker or a person who wants one of them waits for all.
ORDERS_AT_ONCE = 50
MAILS_AT_ONCE = 500
#: What events say of each part.
REASON = "the queue was purged"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Orders of which something waits for a worker, and which no worker has."""

    #: Nothing of these can be taken: they are cancelled.
    queued: int
    #: These lose the parts that wait; what can be taken stays.
    partly_ready: int


def count_orders() -> Waiting:
    """Count what `purge_orders` would end."""
    return Waiting(
        queued=_waiting(RequestStatus.QUEUED).count(), partly_ready=_waiting(RequestStatus.PARTLY_READY).count()
    )


def purge_orders(*, actor: str) -> Iterator[int]:
    """Cancel what waits for a worker now, as `actor`, and owe its people their mails; give how many after each step.

    Orders placed meanwhile stay, and so do those whose rows others hold for as long as it takes.
    """
    newest = DownloadRequest.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    found = True
    # Again until nothing is found, for those that somebody held only for a moment.
    while found:
        found = False
        for status in (RequestStatus.QUEUED, RequestStatus.PARTLY_READY):
            for count in _purge_once(_waiting(status).filter(pk__lte=newest), actor=actor):
                found = True
                yield count


def count_mails() -> int:
    """Count what `purge_mails` would give up."""
    return _not_being_sent().count()


def count_being_sent() -> int:
    """Count the owed mails that it would leave, because they may be on their way."""
    return Notice.objects.filter(status__in=UNSENT_NOTICES).count() - count_mails()


def purge_mails() -> Iterator[int]:
    """Return up the mails that are owed now, and give how many after each step; each can be sent after all.

    One that may be on its way at this moment stays: it would be said to be given up though it arrives.
    """
    newest = Notice.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    while True:
        with transaction.atomic():
            owed = _not_being_sent().filter(pk__lte=newest).select_for_update(skip_locked=True)
            taken = [notice.pk for notice in owed.only("pk")[:MAILS_AT_ONCE]]
            Notice.objects.filter(pk__in=taken).move_to(NoticeStatus.FAILED, last_error=GIVEN_UP)
        if not taken:
            return
        yield len(taken)


def _waiting(status: RequestStatus) -> QuerySet[DownloadRequest]:
    """Return those in a state for which a run is to come; none is while a worker has them."""
    return DownloadRequest.objects.filter(status=status, due_at__isnull=False)


def _purge_once(orders: QuerySet[DownloadRequest], *, actor: str) -> Iterator[int]:
    last = 0
    while True:
        with transaction.atomic():
            locked = orders.filter(pk__gt=last).order_by("pk").select_for_update(skip_locked=True)
            batch = list(locked[:ORDERS_AT_ONCE])
            for request in batch:
                end = end_waiting if request.status == RequestStatus.PARTLY_READY else end_all
                end(OrderChange(request, actor=actor), reason=REASON)
        if not batch:
            return
        last = batch[-1].pk
        yield len(batch)


def _not_being_sent() -> QuerySet[Notice]:
    """Return the owed mails that no sender can have taken: one that was taken is due when its claim ends."""
    now = timezone.now()
    later = Q(status=NoticeStatus.RETRYING, due_at__gt=now + claim_timeout(CLAIMED_AT_ONCE))
    return Notice.objects.filter(Q(due_at__lte=now) | later, status__in=UNSENT_NOTICES).order_by("due_at")
