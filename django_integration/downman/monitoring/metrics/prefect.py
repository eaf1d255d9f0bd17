"""What Prefect knows: its queues and workers. Each question is bounded, and asks for no list that grows."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from downman.domain.jobs import ACTIVE_RUN_STATES, Queue
from downman.monitoring.metrics.samples import Gauge, Sample, Samples, age
from downman.monitoring.worker_stats import get_newest_worker_stats
from downman.prefect_api import PrefectApi
from downman.settings import AppSettings

#: Seconds that one question may take, and all together.
QUESTION_SECONDS, TOTAL_SECONDS = 1.0, 2.0
#: Seconds for which the answers are kept.
KEEP_SECONDS = 5.0

WAITING = Gauge(
    name="queue_runs_waiting",
    labels=("queue",),
    meaning="Runs in the queue whose time has come, and which no worker has",
)
UNDER_WAY = Gauge(name="queue_runs_under_way", labels=("queue",), meaning="Runs of the queue that a worker has taken")
LIMIT = Gauge(
    name="queue_limit",
    labels=("queue",),
    meaning="Runs of the queue that may be under way; missing when it has no limit",
)
PAUSED = Gauge(name="queue_paused", labels=("queue",), meaning="1 when the queue is paused, otherwise 0")
POLLED = Gauge(
    name="queue_last_polled_seconds",
    labels=("queue",),
    meaning="Seconds since a worker last asked for runs of the queue, or since the queue was made",
)
QUEUE_GAUGES = (WAITING, UNDER_WAY, LIMIT, PAUSED, POLLED)

ONLINE = Gauge(name="workers_online", meaning="Workers that give signs of life")
HEARTBEAT = Gauge(
    name="worker_last_heartbeat_seconds",
    labels=("worker",),
    meaning="Seconds since the worker's last sign of life; those of the last hour, 100 at most",
)
MEMORY = Gauge(
    name="worker_memory_bytes",
    labels=("worker",),
    meaning="Bytes of memory of the worker with all its processes, shared memory counted once; warm workers only",
)
RUNS = Gauge(
    name="worker_runs_under_way", labels=("worker",), meaning="Runs that the worker executes; warm workers only"
)
WORKER_GAUGES = (ONLINE, HEARTBEAT, MEMORY, RUNS)

MOST_WORKERS = 100
SEEN_WITHIN = timedelta(hours=1)


def queue_samples(settings: AppSettings) -> list[Sample]:
    """Return the samples of queues. Raises `PrefectUnavailable`."""
    now = datetime.now(UTC)
    pool = settings.names.pool
    with _asking(settings) as api, ThreadPoolExecutor(max_workers=len(Queue) * 2 + 1) as threads:
        listed = threads.submit(api.ask, "POST", f"work_pools/{pool}/queues/filter", {"limit": 200})
        due = {"next_scheduled_start_time": {"before_": now.isoformat()}}
        waiting = {name: threads.submit(_count, api, pool, name, ("SCHEDULED",), due) for name in Queue}
        under_way = {name: threads.submit(_count, api, pool, name, ACTIVE_RUN_STATES, {}) for name in Queue}
        queues = {queue["name"]: queue for queue in listed.result()}
        found = [sample for name in Queue if name in queues for sample in _queue(queues[name], now)]
        for gauge, counts in ((WAITING, waiting), (UNDER_WAY, under_way)):
            found += [gauge.of(count.result(), name) for name, count in counts.items() if name in queues]
    return found


def _queue(queue: Mapping[str, Any], now: datetime) -> Samples:
    name = queue["name"]
    if queue["concurrency_limit"] is not None:
        yield LIMIT.of(queue["concurrency_limit"], name)
    yield PAUSED.of(queue["is_paused"], name)
    yield POLLED.of(age(datetime.fromisoformat(queue["last_polled"] or queue["created"]), now), name)


def _count(api: PrefectApi, pool: str, queue: Queue, states: tuple[str, ...], filters: Mapping[str, Any]) -> int:
    body = {
        "work_pools": {"name": {"any_": [pool]}},
        "work_pool_queues": {"name": {"any_": [queue]}},
        "flow_runs": {"state": {"type": {"any_": states}}, **filters},
    }
    return int(api.ask("POST", "flow_runs/count", body))


def worker_samples(settings: AppSettings) -> list[Sample]:
    """Return the samples of workers. Raises `PrefectUnavailable`."""
    now = datetime.now(UTC)
    pool = settings.names.pool
    seen = {"last_heartbeat_time": {"after_": (now - SEEN_WITHIN).isoformat()}}
    with _asking(settings) as api, ThreadPoolExecutor(max_workers=2) as threads:
        listed = threads.submit(
            api.ask,
            "POST",
            f"work_pools/{pool}/workers/filter",
            {"workers": seen, "limit": MOST_WORKERS},
        )
        reported = threads.submit(get_newest_worker_stats, api, now)
        workers = {worker["name"]: worker for worker in listed.result()}
        stats = reported.result()
    found = [ONLINE.of(sum(worker["status"] == "ONLINE" for worker in workers.values()))]
    for name, worker in workers.items():
        found.append(HEARTBEAT.of(age(datetime.fromisoformat(worker["last_heartbeat_time"]), now), name))
        if name in stats:
            said = stats[name]
            found += [MEMORY.of(said["memory_bytes"], name), RUNS.of(said["executing"], name)]
    return found


@contextmanager
def _asking(settings: AppSettings) -> Iterator[PrefectApi]:
    api = PrefectApi(
        api_url=settings.prefect_api_url,
        auth_string=settings.prefect_api_auth_string.get_secret_value(),
        timeout_seconds=QUESTION_SECONDS,
    )
    try:
        yield api
    finally:
        api.close()
