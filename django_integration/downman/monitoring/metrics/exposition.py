"""All samples together, as Prometheus reads them. A part that cannot be read does not affect the others."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from downman.monitoring.metrics import deliveries, disks, failures, notices, orders, prefect
from downman.monitoring.metrics.samples import Gauge, Sample, Samples
from downman.monitoring.readiness import MIGRATIONS, PREFECT, UNAVAILABLE_ERRORS, describe_error
from downman.monitoring.timed_probe import TimedProbe
from downman.settings import AppSettings, app_settings

logger = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST
#: Milliseconds that the database may take for one statement.
STATEMENT_MS = 1000

PART_UP = Gauge(
    name="part_up", labels=("part",), meaning="1 when this part could be read, 0 when its samples are missing"
)
PREFECT_UP = Gauge(name="prefect_up", meaning="1 when Prefect's server answers and takes the site's login, otherwise 0")
DURATION = Gauge(name="scrape_duration_seconds", meaning="Seconds that it took to read all samples")

IN_DATABASE: Mapping[str, Callable[[datetime], Samples]] = {
    "orders": orders.read_samples,
    "notices": notices.read_samples,
    "deliveries": deliveries.read_samples,
    "failures": failures.read_samples,
}
ELSEWHERE: Mapping[str, TimedProbe[list[Sample]]] = {
    "disks": TimedProbe(disks.read_samples),
    "queues": TimedProbe(
        prefect.queue_samples,
        wait_seconds=prefect.TOTAL_SECONDS,
        keep_seconds=prefect.KEEP_SECONDS,
    ),
    "workers": TimedProbe(
        prefect.worker_samples,
        wait_seconds=prefect.TOTAL_SECONDS,
        keep_seconds=prefect.KEEP_SECONDS,
    ),
}
GAUGES = (
    *orders.GAUGES,
    *notices.GAUGES,
    *deliveries.GAUGES,
    *failures.GAUGES,
    *disks.GAUGES,
    PREFECT_UP,
    *prefect.QUEUE_GAUGES,
    *prefect.WORKER_GAUGES,
    PART_UP,
    DURATION,
)


def exposition() -> bytes:
    """Return all samples, as text."""
    registry = CollectorRegistry()
    registry.register(_Collector())
    return generate_latest(registry)


class _Collector(Collector):
    """Reads everything again at each scrape: every process of the site gives the same."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the metrics without reading anything."""
        return (gauge.family() for gauge in GAUGES)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the metrics that have samples now."""
        families = {gauge: gauge.family() for gauge in GAUGES}
        for sample in _read_all():
            families[sample.gauge].add_metric(sample.labels, sample.value)
        return (family for family in families.values() if family.samples)


def _read_all() -> Samples:
    began = time.perf_counter()
    settings = app_settings()
    probes: Sequence[TimedProbe[Any]] = [*ELSEWHERE.values(), PREFECT, MIGRATIONS]
    for probe in probes:
        probe.begin(settings)
    readers: dict[str, Callable[[], Iterable[Sample]]] = {
        **{part: partial(_query, read, settings) for part, read in IN_DATABASE.items()},
        **{part: partial(probe.answer, settings) for part, probe in ELSEWHERE.items()},
    }
    for part, read in readers.items():
        found = _try(part, read)
        yield PART_UP.of(found is not None, part)
        yield from found or ()
    yield PREFECT_UP.of(_try("prefect", partial(_check_prefect, settings)) is not None)
    yield DURATION.of(time.perf_counter() - began)


def _try(part: str, read: Callable[[], Iterable[Sample]]) -> list[Sample] | None:
    try:
        return list(read())
    except UNAVAILABLE_ERRORS as exc:
        logger.warning("The samples of %s are missing (%s).", part, describe_error(exc))
        return None
    except Exception:
        logger.exception("The samples of %s are missing.", part)
        return None


def _query(read: Callable[[datetime], Samples], settings: AppSettings) -> list[Sample]:
    # Whether the database answers at all is asked with a limit; the connection of the site has none.
    MIGRATIONS.answer(settings)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
        return list(read(timezone.now()))


def _check_prefect(settings: AppSettings) -> list[Sample]:
    PREFECT.answer(settings)
    return []
