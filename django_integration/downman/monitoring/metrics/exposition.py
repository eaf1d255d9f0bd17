"""All figures together, as Prometheus reads them. A part that cannot be looked at leaves the others alone."""

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
from downman.monitoring.readiness import AWAY, MIGRATIONS, PREFECT, in_words
from downman.monitoring.timed_probe import TimedProbe
from downman.settings import AppSettings, app_settings

logger = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST
#: Milliseconds that the database may take for one statement.
STATEMENT_MS = 1000

PART_UP = Gauge(
    name="part_up", labels=("part",), meaning="1 when the figures of this part could be read, 0 when they are missing"
)
PREFECT_UP = Gauge(name="prefect_up", meaning="1 when Prefect's server answers and takes the site's login, otherwise 0")
DURATION = Gauge(name="scrape_duration_seconds", meaning="Seconds that it took to read all figures")

IN_DATABASE: Mapping[str, Callable[[datetime], Samples]] = {
    "orders": orders.figures,
    "notices": notices.figures,
    "deliveries": deliveries.figures,
    "failures": failures.figures,
}
ELSEWHERE: Mapping[str, TimedProbe[list[Sample]]] = {
    "disks": TimedProbe(disks.figures),
    "queues": TimedProbe(
        prefect.queue_figures,
        wait_seconds=prefect.TOTAL_SECONDS,
        keep_seconds=prefect.KEEP_SECONDS,
    ),
    "workers": TimedProbe(
        prefect.worker_figures,
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
    """Return all figures, as text."""
    registry = CollectorRegistry()
    registry.register(_Figures())
    return generate_latest(registry)


class _Figures(Collector):
    """Reads everything anew at each scrape: every process of the site gives the same."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the metrics without looking at anything."""
        return (gauge.family() for gauge in GAUGES)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the metrics that have figures now."""
        families = {gauge: gauge.family() for gauge in GAUGES}
        for figure in _all_figures():
            families[figure.gauge].add_metric(figure.labels, figure.value)
        return (family for family in families.values() if family.samples)


def _all_figures() -> Samples:
    began = time.perf_counter()
    settings = app_settings()
    begun: Sequence[TimedProbe[Any]] = [*ELSEWHERE.values(), PREFECT, MIGRATIONS]
    for question in begun:
        question.begin(settings)
    looks: dict[str, Callable[[], Iterable[Sample]]] = {
        **{part: partial(_asked, look, settings) for part, look in IN_DATABASE.items()},
        **{part: partial(aside.answer, settings) for part, aside in ELSEWHERE.items()},
    }
    for part, look in looks.items():
        found = _found(part, look)
        yield PART_UP.of(found is not None, part)
        yield from found or ()
    yield PREFECT_UP.of(_found("prefect", partial(_greeted, settings)) is not None)
    yield DURATION.of(time.perf_counter() - began)


def _found(part: str, look: Callable[[], Iterable[Sample]]) -> list[Sample] | None:
    try:
        return list(look())
    except AWAY as exc:
        logger.warning("The figures of %s are missing (%s).", part, in_words(exc))
        return None
    except Exception:
        logger.exception("The figures of %s are missing.", part)
        return None


def _asked(look: Callable[[datetime], Samples], settings: AppSettings) -> list[Sample]:
    # Whether the database answers at all is asked with a limit; the connection of the site has none.
    MIGRATIONS.answer(settings)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
        return list(look(timezone.now()))


def _greeted(settings: AppSettings) -> list[Sample]:
    PREFECT.answer(settings)
    return []
