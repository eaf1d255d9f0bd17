"""Orders and their parts."""

from datetime import datetime

from django.db.models import Count, Min

from downman.domain.status import ENDED_REQUESTS, OPEN_REQUESTS, SETTLED_LOCATORS, LocatorStatus, RequestStatus
from downman.models import DownloadRequest, ResourceLocator
from downman.monitoring.metrics.samples import LAST_DAY, Gauge, Samples, age

ORDERS = Gauge(
    name="orders",
    labels=("state",),
    meaning="Orders by state; of the states that are over (cancelled, expired, failed, rejected) those that came into "
    "it in the last 24 hours",
)
UNDER_WAY = Gauge(name="orders_under_way", meaning="Orders that a worker holds")
OLDEST_DUE = Gauge(
    name="oldest_due_order_seconds",
    meaning="Seconds for which the oldest order whose time has come waits for a worker; 0 when none does",
)
PARTS = Gauge(
    name="parts_waiting",
    labels=("reason",),
    meaning="Parts of orders that wait for something else than a worker: for a later try (retrying), for room on the "
    "disk (waiting_for_space), for an administrator's decision (awaiting_approval), for their release (on_hold)",
)
GAUGES = (ORDERS, UNDER_WAY, OLDEST_DUE, PARTS)
REASONS = (
    LocatorStatus.RETRYING,
    LocatorStatus.WAITING_FOR_SPACE,
    LocatorStatus.AWAITING_APPROVAL,
    LocatorStatus.ON_HOLD,
)


def count_orders(now: datetime) -> dict[RequestStatus, int]:
    """Return how many orders are in each state; in those that are over, that came into it in the last 24 hours."""
    kept = DownloadRequest.objects.order_by()
    not_over = kept.filter(status__in=sorted(set(RequestStatus) - ENDED_REQUESTS))
    over = kept.filter(status__in=sorted(ENDED_REQUESTS), updated_at__gt=now - LAST_DAY)
    counts = {
        state: count
        for counted in (not_over, over)
        for state, count in counted.values_list("status").annotate(Count("pk"))
    }
    return {state: counts.get(state, 0) for state in RequestStatus}


def read_samples(now: datetime) -> Samples:
    """Return the samples of orders."""
    kept = DownloadRequest.objects.order_by()
    counts = count_orders(now)
    yield from (ORDERS.of(counts[state], state) for state in RequestStatus)

    yield UNDER_WAY.of(kept.filter(lease_until__gt=now).count())
    due = kept.filter(status__in=sorted(OPEN_REQUESTS), lease_until=None, due_at__lt=now)
    yield OLDEST_DUE.of(age(due.aggregate(oldest=Min("due_at"))["oldest"], now))

    unsettled = ResourceLocator.objects.order_by().exclude(status__in=sorted(SETTLED_LOCATORS))
    waiting = dict(unsettled.values_list("status").annotate(Count("pk")))
    yield from (PARTS.of(waiting.get(reason, 0), reason) for reason in REASONS)
