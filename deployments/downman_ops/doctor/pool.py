"""The work pool, its queues and workers: whether requested runs are taken."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from downman.domain.jobs import ACTIVE_RUN_STATES, Queue
from downman.prefect_api import PrefectApi
from downman.settings import prefect_names
from downman_ops.doctor.findings import BOOTSTRAP, Finding, State, count_due, humanize_duration, ok, warning, wrong

#: A queue for whose runs nobody has asked for so long is served by nobody; so Prefect reckons too.
SERVED_WITHIN = timedelta(seconds=60)
#: A heartbeat may come so much later than it should: Prefect's workers let chance lengthen the interval by up to 0.3.
HEARTBEAT_JITTER, HEARTBEAT_GRACE = 1.3, timedelta(seconds=5)
#: A run past its time by so much waits for longer than a worker needs to take it; and for longer than a busy hour.
LATE_AFTER, WRONG_AFTER = timedelta(seconds=60), timedelta(minutes=10)


def check_pool(api: PrefectApi) -> Iterator[Finding]:
    """Check the pool as a whole."""
    name = prefect_names().pool
    pool = api.find("GET", f"work_pools/{name}")
    part = "work pool"
    if pool is None:
        yield wrong(part, f"there is no work pool {name}", BOOTSTRAP)
    elif pool["is_paused"]:
        yield wrong(part, f"{name} is paused: no run is given out", f"downman prefect work-pool resume {name}")
    elif pool["concurrency_limit"] == 0:
        hint = f"downman prefect work-pool clear-concurrency-limit {name}"
        yield wrong(part, f"{name} may run nothing: its limit is 0", hint)
    else:
        yield ok(part, f"{name}, for workers of the type {pool['type']}")


def check_workers(api: PrefectApi, *, now: datetime) -> Iterator[Finding]:
    """Count the workers that send heartbeats, each with its last one; `now` on Prefect's clock.

    Prefect calls a worker online until three heartbeats are missing, also one that was stopped.
    """
    body = {"workers": {"status": {"any_": ["ONLINE"]}}, "limit": 200}
    workers = api.find("POST", f"work_pools/{prefect_names().pool}/workers/filter", body) or ()
    silent = {worker["name"]: now - datetime.fromisoformat(worker["last_heartbeat_time"]) for worker in workers}
    late = {
        worker["name"]
        for worker in workers
        if silent[worker["name"]]
        > HEARTBEAT_JITTER * timedelta(seconds=worker["heartbeat_interval_seconds"] or 30) + HEARTBEAT_GRACE
    }
    if heard := sorted(silent.keys() - late):
        yield ok("workers", f"{len(heard)} online: {_with_last_signs(heard, silent)}")
    if late:
        found = f"{len(late)} missed a heartbeat and may have stopped: {_with_last_signs(sorted(late), silent)}"
        yield (warning if heard else wrong)("workers", found, _start())
    if not workers:
        yield wrong("workers", "none is online", _start())


def _with_last_signs(names: Iterable[str], silent: Mapping[str, timedelta]) -> str:
    ages = {name: humanize_duration(max(silent[name], timedelta())) for name in names}
    return ", ".join(f"{name} (last heartbeat {age} ago)" for name, age in ages.items())


def check_queue(api: PrefectApi, name: Queue, queue: Mapping[str, Any] | None, *, now: datetime) -> Iterator[Finding]:
    """Check one queue: whether a worker serves it, and how long its runs wait; `now` on Prefect's clock."""
    part = f"queue {name}"
    if queue is None:
        yield wrong(part, "it is not there", BOOTSTRAP)
        return
    waiting = _count(api, name, "SCHEDULED", next_scheduled_start_time={"before_": now.isoformat()})
    problems = [
        *_stopped(part, name, queue),
        *_unserved(part, name, queue, waiting=waiting, now=now),
        *(_late(api, part, name, now=now) if waiting else ()),
    ]
    limit = queue["concurrency_limit"]
    running = _count(api, name, *ACTIVE_RUN_STATES)
    yield from problems or [ok(part, f"{running} of {limit or 'any number'} running, {waiting} due; served")]


def _stopped(part: str, name: Queue, queue: Mapping[str, Any]) -> Iterator[Finding]:
    if queue["is_paused"]:
        yield wrong(part, "it is paused", f"downman prefect work-queue resume {name} --pool {prefect_names().pool}")
    if queue["concurrency_limit"] == 0:
        hint = f"Set DOWNMAN_{name.upper()}_CONCURRENCY to 1 or more, then: {BOOTSTRAP}"
        yield wrong(part, "its limit is 0: nothing runs", hint)


def _unserved(part: str, name: Queue, queue: Mapping[str, Any], *, waiting: int, now: datetime) -> Iterator[Finding]:
    polled = queue["last_polled"]
    silent = now - datetime.fromisoformat(polled) if polled else None
    if silent is not None and silent < SERVED_WITHIN:
        return
    polled_it = "ever polled it" if silent is None else f"polled it for {humanize_duration(silent)}"
    found = f"no worker has {polled_it}; {count_due(waiting)}"
    yield (wrong if waiting else warning)(part, found, _start(name))


def _late(api: PrefectApi, part: str, name: Queue, *, now: datetime) -> Iterator[Finding]:
    oldest = api.ask(
        "POST",
        "flow_runs/filter",
        {
            **_of(name),
            "flow_runs": {
                "state": {"type": {"any_": ["SCHEDULED"]}},
                "next_scheduled_start_time": {"before_": (now - LATE_AFTER).isoformat()},
            },
            "sort": "NEXT_SCHEDULED_START_TIME_ASC",
            "limit": 1,
        },
    )
    for run in oldest:
        late = now - datetime.fromisoformat(run["next_scheduled_start_time"])
        state = State.WARNING if late < WRONG_AFTER else State.WRONG
        found = f"the run {run['name']} is {humanize_duration(late)} past its time"
        hint = f"More slots (DOWNMAN_{name.upper()}_CONCURRENCY, then {BOOTSTRAP}), or more workers for it."
        yield Finding(part=part, state=state, found=found, hint=hint)


def _count(api: PrefectApi, name: Queue, *states: str, **filters: Any) -> int:
    body = {**_of(name), "flow_runs": {"state": {"type": {"any_": states}}, **filters}}
    return int(api.ask("POST", "flow_runs/count", body))


def _of(name: Queue) -> dict[str, Any]:
    return {"work_pools": {"name": {"any_": [prefect_names().pool]}}, "work_pool_queues": {"name": {"any_": [name]}}}


def _start(name: Queue | None = None) -> str:
    queue = f" --queues {name}" if name else ""
    return f"Start its service, or: downman service worker{queue}"
