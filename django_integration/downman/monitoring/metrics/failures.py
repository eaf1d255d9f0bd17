"""Parts that failed permanently."""

from datetime import datetime

from django.db.models import Count

from downman.domain.errors import PermanentError
from downman.domain.status import LocatorStatus
from downman.models import ResourceLocator
from downman.monitoring.metrics.samples import LAST_DAY, Gauge, Samples

FAILURES = Gauge(
    name="failures_last_day",
    labels=("source", "error"),
    meaning="Parts of orders that failed permanently in the last 24 hours, by the kind of their source and the code of "
    "the error (docs/reference/errors.md)",
)
GAUGES = (FAILURES,)
CODES = frozenset({PermanentError.code, *(kind.code for kind in PermanentError.__subclasses__())})
#: Stands for codes that an older release has stored.
OTHER = "other"


def read_samples(now: datetime) -> Samples:
    """Return the samples of failures."""
    failed = ResourceLocator.objects.order_by().filter(status=LocatorStatus.FAILED.value, updated_at__gt=now - LAST_DAY)
    counts: dict[tuple[str, str], int] = {}
    for source, code, count in failed.values_list("resource__source", "error_code").annotate(Count("pk")):
        labels = (source, code if code in CODES else OTHER)
        counts[labels] = counts.get(labels, 0) + count
    yield from (FAILURES.of(count, *labels) for labels, count in counts.items())
