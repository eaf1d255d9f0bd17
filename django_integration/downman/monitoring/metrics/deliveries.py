"""What was delivered, how long it took, and what is taken."""

from datetime import datetime
from typing import Any

from django.db.models import Aggregate, Avg, Count, DurationField, F, Max, Q, Sum
from django.db.models.expressions import Combinable

from downman.domain.policy import Delivery
from downman.domain.status import LinkStatus
from downman.models import DownloadLink
from downman.monitoring.metrics.samples import LAST_DAY, LAST_HOUR, Gauge, Samples
from downman.services.retention import stored_bytes
from downman.settings import app_settings

DELIVERIES = Gauge(name="deliveries_last_hour", meaning="Links that were made in the last hour")
TIME = Gauge(
    name="delivery_time_seconds",
    labels=("statistic",),
    meaning="Seconds from the order to its link, with all waiting and retrying, of the links made in the last hour: "
    "mean, median, p95 and longest; missing when there was none",
)
PACKAGES = Gauge(name="packages_last_day", meaning="Packages that were made in the last 24 hours")
PACKAGE_BYTES = Gauge(name="packages_last_day_bytes", meaning="Bytes of the packages made in the last 24 hours")
LINKS = Gauge(name="links_active", meaning="Links that can be taken")
DOWNLOADS = Gauge(name="links_active_downloads", meaning="Downloads so far of the links that can be taken")
TAKEN = Gauge(
    name="links_taken_last_day", meaning="Links that can be taken, and were taken at least once in the last 24 hours"
)
STORED = Gauge(name="stored_bytes", meaning="Bytes of all packages that are stored, as the database has them")
BUDGET = Gauge(
    name="storage_budget_bytes", meaning="Bytes that all packages together may take; missing when only the disk limits"
)
GAUGES = (DELIVERIES, TIME, PACKAGES, PACKAGE_BYTES, LINKS, DOWNLOADS, TAKEN, STORED, BUDGET)


class _Percentile(Aggregate):
    """PostgreSQL's percentile of durations; the share lies between 0 and 1."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()

    def __init__(self, expression: Combinable, *, share: float, **extra: Any) -> None:
        super().__init__(expression, share=share, **extra)


def read_samples(now: datetime) -> Samples:
    """Return the samples of deliveries. A sidecar file came with its main file and is not counted."""
    made = DownloadLink.objects.order_by().filter(main_link=None)
    took = F("created_at") - F("request__created_at")
    times = made.filter(created_at__gt=now - LAST_HOUR).aggregate(
        count=Count("pk"),
        mean=Avg(took),
        median=_Percentile(took, share=0.5),
        p95=_Percentile(took, share=0.95),
        longest=Max(took),
    )
    yield DELIVERIES.of(times.pop("count"))
    yield from (TIME.of(time.total_seconds(), statistic) for statistic, time in times.items() if time is not None)

    packages = made.filter(created_at__gt=now - LAST_DAY, delivery=Delivery.PACKAGE.value)
    lately = packages.aggregate(count=Count("pk"), size=Sum("size", default=0))
    yield PACKAGES.of(lately["count"])
    yield PACKAGE_BYTES.of(lately["size"])

    active = made.filter(status=LinkStatus.ACTIVE.value, expires_at__gt=now).aggregate(
        count=Count("pk"),
        downloads=Sum("download_count", default=0),
        taken=Count("pk", filter=Q(last_download_at__gt=now - LAST_DAY)),
    )
    yield LINKS.of(active["count"])
    yield DOWNLOADS.of(active["downloads"])
    yield TAKEN.of(active["taken"])

    yield STORED.of(stored_bytes())
    budget = app_settings().storage_budget_bytes
    if budget:
        yield BUDGET.of(budget)
