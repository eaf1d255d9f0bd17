"""Runs that Prefect has as running though they send no heartbeat: each holds a slot of its queue."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from downman.domain.jobs import ACTIVE_RUN_STATES, SILENCE_SECONDS
from downman.prefect_api import PAGE, PrefectApi
from downman.settings import prefect_names
from downman_ops.doctor.findings import Finding, humanize_duration, ok, wrong

SILENCE = timedelta(seconds=SILENCE_SECONDS)
#: Runs that are checked, the oldest first.
MOST = 1000
#: Of every event of a run, and of its resource.
_PREFIX = "prefect.flow-run."


def check_runs(api: PrefectApi, *, now: datetime) -> Iterator[Finding]:
    """Check for running runs without a heartbeat; `now` on Prefect's clock."""
    body = {
        "work_pools": {"name": {"any_": [prefect_names().pool]}},
        "flow_runs": {"state": {"type": {"any_": ACTIVE_RUN_STATES}}},
        "sort": "EXPECTED_START_TIME_ASC",
    }
    running = list(api.pages("flow_runs/filter", body, most=MOST))
    old = [run for run in running if now - _since(run) > SILENCE]
    heard = _heard_of(api, [run["id"] for run in old], now=now)
    dead = [run for run in old if run["id"] not in heard]
    for run in dead:
        yield wrong("runs", _found(run), f"downman prefect flow-run delete {run['id']}")
    if not dead:
        yield ok("runs", f"{len(running)} running, none of them dead")


def _found(run: dict[str, Any]) -> str:
    worker = run["labels"].get("prefect.worker.name") or "unknown"
    slot = f"{run['name']} holds a slot of {run['work_queue_name']}"
    return f"{slot} and sent no heartbeat for {humanize_duration(SILENCE)} (worker: {worker})"


def _since(run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(run["state"]["timestamp"])


def _heard_of(api: PrefectApi, run_ids: list[str], *, now: datetime) -> set[str]:
    """Return those of the runs that sent a heartbeat lately."""
    heard: set[str] = set()
    for start in range(0, len(run_ids), PAGE):
        occurred = {"since": (now - SILENCE).isoformat(), "until": (now + SILENCE).isoformat()}
        resources = {"id": [f"{_PREFIX}{run_id}" for run_id in run_ids[start : start + PAGE]]}
        body = {"filter": {"occurred": occurred, "event": {"prefix": [_PREFIX]}, "resource": resources}}
        counts = api.ask("POST", "events/count-by/resource", body)
        heard |= {count["value"].removeprefix(_PREFIX) for count in counts}
    return heard
