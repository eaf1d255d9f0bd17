"""Jobs of which every recent run failed, though workers are online and take them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from downman.prefect_api import PAGE, PrefectApi
from downman.settings import prefect_names
from downman_ops.doctor.findings import Finding, State, humanize_duration, ok
from downman_ops.redaction import redact

#: Ended runs of a job that are looked at, the newest first; and how old they may be.
RECENT, WITHIN = 5, timedelta(days=1)
#: One failed run may be an accident, after which nothing was to be done yet.
WRONG_FROM = 2
#: How a run ends by itself; one that was cancelled says nothing.
_ENDED = ["COMPLETED", "FAILED", "CRASHED"]
_MESSAGE_LENGTH = 200


def check_failures(api: PrefectApi, *, now: datetime) -> Iterator[Finding]:
    """Check for jobs none of whose recent runs completed; `now` on Prefect's clock."""
    names = prefect_names()
    pool = {"work_pools": {"name": {"any_": [names.pool]}}}
    since = {"end_time": {"after_": (now - WITHIN).isoformat()}}
    failed: dict[str, Any] = {**pool, "flow_runs": {"state": {"type": {"any_": _ENDED[1:]}}, **since}}
    if not api.ask("POST", "flow_runs/count", failed):
        yield ok("jobs", "no run has failed in the last 24 hours")
        return
    failing = 0
    for deployment in api.pages("deployments/filter", pool, most=PAGE):
        body = {
            "deployments": {"id": {"any_": [deployment["id"]]}},
            "flow_runs": {"state": {"type": {"any_": _ENDED}}, **since},
            "sort": "END_TIME_DESC",
            "limit": RECENT,
        }
        runs = api.ask("POST", "flow_runs/filter", body)
        if runs and not any(run["state_type"] == _ENDED[0] for run in runs):
            failing += 1
            yield _failing(names.to_job(deployment["name"]), runs, now)
    if not failing:
        yield ok("jobs", "of each that has run in the last 24 hours, one of the last runs completed")


def _failing(name: str, runs: Sequence[Mapping[str, Any]], now: datetime) -> Finding:
    newest = runs[0]
    ago = humanize_duration(now - datetime.fromisoformat(newest["end_time"]))
    which = "its last run" if len(runs) == 1 else f"all of its last {len(runs)} runs"
    return Finding(
        part=f"job {name}",
        state=State.WRONG if len(runs) >= WRONG_FROM else State.WARNING,
        found=f"{which} {newest['state_name'].lower()}, {ago} ago: {_message(newest)}",
        hint=f"Its log says more: downman prefect flow-run logs {newest['id']}",
    )


def _message(run: Mapping[str, Any]) -> str:
    """Return what its state says, in one line and without secrets."""
    lines = ((run["state"] or {}).get("message") or "").strip().splitlines() or ["Prefect does not say why"]
    # A traceback says it in its last line.
    line = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return redact(line.strip())[:_MESSAGE_LENGTH]
