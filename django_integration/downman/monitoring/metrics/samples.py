"""What a figure is: a value of one gauge."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily

PREFIX = "downman_"
#: What has ended is counted for so long, so that no question grows with the number of orders kept.
LAST_DAY, LAST_HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """One metric. All are gauges: they are read from the database and from Prefect, and start anew with nothing."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()

    def of(self, value: float, *labels: str) -> "Sample":
        """Return one value of it, with the values of its labels."""
        return Sample(self, labels, value)

    def family(self) -> GaugeMetricFamily:
        """Return it as Prometheus' library has it, still empty."""
        return GaugeMetricFamily(PREFIX + self.name, self.meaning, labels=self.labels)


class Sample(NamedTuple):
    """One value of a gauge."""

    gauge: Gauge
    labels: tuple[str, ...]
    value: float


Samples = Iterator[Sample]


def age(since: datetime | None, now: datetime) -> float:
    """Return the seconds since then; 0 for what is not, or is still to come."""
    return max(0.0, (now - since).total_seconds()) if since is not None else 0.0
