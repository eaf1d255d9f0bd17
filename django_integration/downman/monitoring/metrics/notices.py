"""Mails."""

from datetime import datetime

from django.db.models import Count, Min

from downman.domain.status import UNSENT_NOTICES, NoticeStatus
from downman.models import Notice
from downman.monitoring.metrics.samples import LAST_DAY, Gauge, Samples, age

NOTICES = Gauge(
    name="notices",
    labels=("state",),
    meaning="Mails that are owed (pending, retrying), and those that were given up (failed) in the last 24 hours",
)
OLDEST_DUE = Gauge(
    name="oldest_due_notice_seconds",
    meaning="Seconds for which the oldest mail whose time has come is not sent; 0 when there is none",
)
GAUGES = (NOTICES, OLDEST_DUE)


def read_samples(now: datetime) -> Samples:
    """Return the samples of e-mails."""
    kept = Notice.objects.order_by()
    owed = kept.filter(status__in=sorted(UNSENT_NOTICES)).values_list("status").annotate(Count("pk"), Min("due_at"))
    found = {state: (count, oldest) for state, count, oldest in owed}
    for state in sorted(UNSENT_NOTICES):
        yield NOTICES.of(found[state][0] if state in found else 0, state)
    yield OLDEST_DUE.of(max((age(oldest, now) for _, oldest in found.values()), default=0.0))
    failed = kept.filter(status=NoticeStatus.FAILED.value, updated_at__gt=now - LAST_DAY)
    yield NOTICES.of(failed.count(), NoticeStatus.FAILED)
