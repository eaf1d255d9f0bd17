"""The work pool, its queues and workers: whether work that is asked for is taken."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from downman.domain.jobs import ACTIVE_RUN_STATES, WORK_POOL, Queue
from downman.prefect_api import PrefectApi
from downman_ops.doctor.findings import BOOTSTRAP, Finding, State, lasting, ok, warning, wrong

#: A queue for whose runs nobody has asked for so long is served by nobody; so Prefect reckons too.
SERVED_WITHIN = timedelta(seconds=60)
#: A run past its time by so much waits for longer than a worker needs to take it; and for longer than a busy hour.
LATE_AFTER, WRONG_AFTER = timedelta(seconds=60), timedelta(minutes=10)


def look_at_pool(api: PrefectApi) -> Iterator[Finding]:
    """Look at the pool as a whole."""
    pool = api.find("GET", f"work_pools/{WORK_POOL}")
    part = "work pool"
    if pool is None:
        yield wrong(part, f"there is no work pool {WORK_POOL}", BOOTSTRAP)
    elif pool["is_paused"]:
        yield wrong(part, f"{WORK_POOL} is paused: no work is given out", f"prefect work-pool resume {WORK_POOL}")
    elif pool["concurrency_limit"] == 0:
        remedy = f"prefect work-pool clear-concurrency-limit {WORK_POOL}"
        yield wrong(part, f"{WORK_POOL} may run nothing: its limit is 0", remedy)
    else:
        yield ok(part, f"{WORK_POOL}, for workers of the type {pool['type']}")


def look_at_workers(api: PrefectApi) -> Iterator[Finding]:
    """Count the workers that give signs of life."""
    body = {"workers": {"status": {"any_": ["ONLINE"]}}, "limit": 200}
    workers = api.find("POST", f"work_pools/{WORK_POOL}/workers/filter", body) or ()
    if workers:
        yield ok("workers", f"{len(workers)} online: {', '.join(sorted(worker['name'] for worker in workers))}")
    else:
        yield wrong("workers", "none is online", _start())


def look_at_queue(api: PrefectApi, name: Queue, queue: Mapping[str, Any] | None, *, now: datetime) -> Iterator[Finding]:
    """Look at one queue, whether somebody serves it, and how long its runs wait; `now` on Prefect's clock."""
    part = f"queue {name}"
    if queue is None:
        yield wrong(part, "it is not there", BOOTSTRAP)
        return
    waiting = _count(api, name, "SCHEDULED", next_scheduled_start_time={"before_": now.isoformat()})
    troubles = [
        *_stopped(part, name, queue),
        *_unserved(part, name, queue, waiting=waiting, now=now),
        *(_late(api, part, name, now=now) if waiting else ()),
    ]
    limit = queue["concurrency_limit"]
    at_work = _count(api, name, *ACTIVE_RUN_STATES)
    yield from troubles or [ok(part, f"{at_work} of {limit or 'any number'} at work, {waiting} due; served")]


def _stopped(part: str, name: Queue, queue: Mapping[str, Any]) -> Iterator[Finding]:
    if queue["is_paused"]:
        yield wrong(part, "it is paused", f"prefect work-queue resume {name} --pool {WORK_POOL}")
    if queue["concurrency_limit"] == 0:
        remedy = f"Set DOWNMAN_{name.upper()}_CONCURRENCY to 1 or more, then: {BOOTSTRAP}"
        yield wrong(part, "its limit is 0: nothing runs", remedy)


def _unserved(part: str, name: Queue, queue: Mapping[str, Any], *, waiting: int, now: datetime) -> Iterator[Finding]:
    polled = queue["last_polled"]
    silent = now - datetime.fromisoformat(polled) if polled else None
    if silent is not None and silent < SERVED_WITHIN:
        return
    since = "ever" if silent is None else f"for {lasting(silent)}"
    found = f"no worker has asked for its runs {since}; {waiting} are due"
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
        found = f"the run {run['name']} is {lasting(late)} past its time"
        remedy = f"More places (DOWNMAN_{name.upper()}_CONCURRENCY, then {BOOTSTRAP}), or more workers for it."
        yield Finding(part=part, state=state, found=found, remedy=remedy)


def _count(api: PrefectApi, name: Queue, *states: str, **filters: Any) -> int:
    body = {**_of(name), "flow_runs": {"state": {"type": {"any_": states}}, **filters}}
    return int(api.ask("POST", "flow_runs/count", body))


def _of(name: Queue) -> dict[str, Any]:
    return {"work_pools": {"name": {"any_": [WORK_POOL]}}, "work_pool_queues": {"name": {"any_": [name]}}}


def _start(name: Queue | None = None) -> str:
    queue = f" --work-queue {name}" if name else ""
    return f"Start its service, or: prefect worker start --pool {WORK_POOL}{queue}"
