"""What workers and queues do, and how fast they are."""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

from downman.domain.jobs import ACTIVE_RUN_STATES, ENDED_RUN_STATES, Queue
from downman.monitoring.metrics.orders import count_orders
from downman.monitoring.worker_stats import get_newest_worker_stats
from downman.prefect_api import PAGE, PrefectApi
from downman.settings import prefect_names
from downman_ops.commands import Report, Table
from downman_ops.inspect.runs import count_runs_in, get_time, get_worker, prefect, runs_in

MOST_WORKERS = 100
#: Workers that sent no heartbeat for longer are left out.
SEEN_WITHIN = timedelta(days=1)
DAY = timedelta(days=1)


def stats(_options: Mapping[str, Any]) -> Report:
    """Show what each worker and each queue does and did. Raises `PrefectUnavailable`."""
    api, now = prefect(), datetime.now(UTC)
    with ThreadPoolExecutor(max_workers=8) as threads:
        seen = threads.submit(_seen, api, now)
        worker_stats = threads.submit(get_newest_worker_stats, api, now)
        running = threads.submit(runs_in, api, ACTIVE_RUN_STATES, sort="EXPECTED_START_TIME_ASC", most=PAGE)
        newest = {
            queue: threads.submit(runs_in, api, ENDED_RUN_STATES, sort="END_TIME_DESC", most=PAGE, queue=queue)
            for queue in Queue
        }
        due = {"next_scheduled_start_time": {"before_": now.isoformat()}}
        today = {"end_time": {"after_": (now - DAY).isoformat()}}
        counts = {
            (queue, name): threads.submit(count_runs_in, api, states, queue=queue, when=when)
            for queue in Queue
            for name, states, when in (
                ("waiting", ("SCHEDULED",), due),
                ("running", ACTIVE_RUN_STATES, {}),
                *((state, (state,), today) for state in ENDED_RUN_STATES),
            )
        }
        limits = threads.submit(api.ask, "POST", f"work_pools/{prefect_names().pool}/queues/filter", {"limit": PAGE})
        runs = {queue: found.result() for queue, found in newest.items()}
        limit_of = {queue["name"]: queue["concurrency_limit"] for queue in limits.result()}
        queues = [
            (
                queue.value,
                *(counts[queue, name].result() for name in ("waiting", "running")),
                limit_of.get(queue),
                *(counts[queue, state].result() for state in ENDED_RUN_STATES),
                *_speed(runs[queue]),
            )
            for queue in Queue
        ]
        all_runs = [*running.result(), *(run for found in runs.values() for run in found)]
        workers = list(_workers(seen.result(), worker_stats.result(), all_runs))
    return Report(tables=[_workers_table(workers), _queues_table(queues), _orders_table(now)])


def _seen(api: PrefectApi, now: datetime) -> list[dict[str, Any]]:
    wanted = {"last_heartbeat_time": {"after_": (now - SEEN_WITHIN).isoformat()}}
    found: list[dict[str, Any]] = api.ask(
        "POST", f"work_pools/{prefect_names().pool}/workers/filter", {"workers": wanted, "limit": MOST_WORKERS}
    )
    return found


def _workers(
    seen: Sequence[Mapping[str, Any]], worker_stats: Mapping[str, Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Any, ...]]:
    for worker in sorted(seen, key=lambda worker: (worker["status"] != "ONLINE", worker["name"])):
        name = worker["name"]
        said = worker_stats.get(name, {})
        own = [run for run in runs if get_worker(run) == name]
        yield (
            name,
            str(worker["status"]).lower(),
            get_time(worker["last_heartbeat_time"]),
            (", ".join(said["queues"]) if said.get("queues") else "all") if said else None,
            sum(run["state_type"] in ACTIVE_RUN_STATES for run in own),
            *(sum(run["state_type"] == state for run in own) for state in ENDED_RUN_STATES),
            *_speed(own),
            said.get("memory_bytes"),
            get_time(said.get("started")),
        )


def _speed(runs: Sequence[Mapping[str, Any]]) -> tuple[float | None, float | None]:
    """Return the mean and the 95th percentile (nearest rank) of the seconds that completed runs took."""
    seconds = sorted(float(run["total_run_time"]) for run in runs if run["state_type"] == "COMPLETED")
    return (fmean(seconds), seconds[math.ceil(0.95 * len(seconds)) - 1]) if seconds else (None, None)


def _workers_table(rows: Sequence[tuple[Any, ...]]) -> Table:
    columns = {
        "worker": "worker",
        "status": "status",
        "last_seen": "last seen",
        "queues": "queues",
        "running": "running",
        "completed": "done",
        "failed": "failed",
        "crashed": "crashed",
        "mean_seconds": "mean s",
        "p95_seconds": "p95 s",
        "memory_bytes": "memory",
        "started": "started",
    }
    note = f"Of the newest {PAGE} runs of each queue. Memory: of the worker with its child processes."
    return Table(name="workers", title="Workers of the last day", columns=columns, rows=rows, note=note)


def _orders_table(now: datetime) -> Table:
    """Return what became of the orders: a run that did its work is done also where its order failed."""
    rows = [(state.value, count) for state, count in count_orders(now).items() if count]
    note = "Of those that are cancelled, expired, failed or rejected: in the last 24 hours."
    return Table(name="orders", title="Orders", columns={"status": "status", "orders": "orders"}, rows=rows, note=note)


def _queues_table(rows: Sequence[tuple[Any, ...]]) -> Table:
    columns = {
        "queue": "queue",
        "waiting": "waiting",
        "running": "running",
        "limit": "limit",
        "completed": "done",
        "failed": "failed",
        "crashed": "crashed",
        "mean_seconds": "mean s",
        "p95_seconds": "p95 s",
    }
    note = f"Waiting: what is due. Done, failed and crashed: in the last 24 hours; times: of the newest {PAGE} runs."
    return Table(name="queues", title="Queues", columns=columns, rows=rows, note=note)
