"""What Prefect knows of our runs, read page by page up to a limit."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from downman.domain.jobs import Queue
from downman.models import DownloadRequest
from downman.prefect_api import PAGE, PrefectApi
from downman.settings import prefect_names
from downman_ops.commands import Table
from downman_ops.redaction import redact

#: Seconds within which Prefect must have answered one question.
ANSWER_SECONDS = 5.0
#: Prefect's tag of a run that a schedule has made.
AUTO = "auto-scheduled"
#: The label by which a run's worker is known.
WORKER = "prefect.worker.name"


def prefect() -> PrefectApi:
    """Return the Prefect server of the settings."""
    return PrefectApi.from_settings(timeout_seconds=ANSWER_SECONDS)


def runs_in(
    api: PrefectApi, states: Collection[str], *, sort: str, most: int, queue: str | None = None
) -> list[dict[str, Any]]:
    """Return up to `most` runs of our pool in these types of state. Raises `PrefectUnavailable`."""
    return list(api.pages("flow_runs/filter", {**_filter(states, queue), "sort": sort}, most=most))


def get_runs(api: PrefectApi, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return those of these runs that Prefect knows. Raises `PrefectUnavailable`."""
    return list(api.pages("flow_runs/filter", {"flow_runs": {"id": {"any_": list(ids)}}}, most=len(ids)))


def count_runs_in(
    api: PrefectApi, states: Collection[str], *, queue: str | None = None, when: Mapping[str, Any] | None = None
) -> int:
    """Count the runs of our pool in these types of state; `when` bounds their times or tags.

    Raises `PrefectUnavailable`.
    """
    return int(api.ask("POST", "flow_runs/count", _filter(states, queue, when or {})))


def _filter(states: Collection[str], queue: str | None, when: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "work_pools": {"name": {"any_": [prefect_names().pool]}},
        "flow_runs": {"state": {"type": {"any_": list(states)}}, **(when or {})},
    }
    return found if queue is None else {**found, "work_pool_queues": {"name": {"any_": [Queue(queue).value]}}}


def next_of_schedules(api: PrefectApi) -> list[dict[str, Any]]:
    """Return the next run of each of our deployments that have a schedule. Raises `PrefectUnavailable`."""
    ours = api.pages("deployments/filter", {"deployments": {"tags": {"all_": [prefect_names().tag]}}}, most=PAGE)
    found: list[dict[str, Any]] = []
    for deployment in ours:
        if deployment["schedules"]:
            wanted = {
                "deployments": {"id": {"any_": [deployment["id"]]}},
                "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "tags": {"all_": [AUTO]}},
                "sort": "NEXT_SCHEDULED_START_TIME_ASC",
            }
            found += api.pages("flow_runs/filter", wanted, most=1)
    return found


def get_jobs(api: PrefectApi, runs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return deployment -> job of some runs. Raises `PrefectUnavailable`."""
    wanted = sorted({run["deployment_id"] for run in runs if run["deployment_id"]})
    if not wanted:
        return {}
    # There are as many as jobs, however many runs there are.
    found = api.pages("deployments/filter", {"deployments": {"id": {"any_": wanted}}}, most=len(wanted))
    to_job = prefect_names().to_job
    return {deployment["id"]: to_job(deployment["name"]) for deployment in found}


def get_order(run: Mapping[str, Any]) -> int | None:
    """Return the id of the order that a run is for."""
    number = run["parameters"].get("request_id")
    return number if isinstance(number, int) else None


def get_numbers(orders: Iterable[int | None]) -> dict[int | None, str]:
    """Return the public numbers of orders, by their ids."""
    found = DownloadRequest.objects.filter(pk__in=[order for order in orders if order is not None])
    return dict(found.values_list("pk", "number"))


def get_worker(run: Mapping[str, Any]) -> str:
    """Return the name of the worker that took a run."""
    return str(run["labels"].get(WORKER) or "")


def since(run: Mapping[str, Any]) -> datetime | None:
    """Return when a run got its state."""
    return get_time(run["state"]["timestamp"]) if run["state"] else None


def get_message(run: Mapping[str, Any]) -> str:
    """Return what a run's state says, without secrets, cut where it is long."""
    return redact(((run["state"] or {}).get("message") or "").split("\n")[0])[:200]


def get_time(text: str | None) -> datetime | None:
    """Read a time of Prefect's."""
    return datetime.fromisoformat(text) if text else None


def shown(found: Sequence[Any], most: int, *, what: str, total: int | None = None) -> tuple[Sequence[Any], str]:
    """Return what is shown of what was found, one more than may be, with a note of what is not."""
    if len(found) <= most:
        return found, ""
    return found[:most], f"{most} of {total if total is not None else 'more'} {what}; --limit shows more."


#: Key of a column -> its heading, and how it is read from a run.
Columns = Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Any]]]
COLUMNS: Columns = {
    "queue": ("queue", lambda run: run["work_queue_name"]),
    "order": ("id", get_order),
    "state": ("state", lambda run: run["state_name"]),
    "worker": ("worker", get_worker),
    "since": ("since", since),
    "planned": ("planned", lambda run: get_time(run["next_scheduled_start_time"])),
    "message": ("message", get_message),
    "run": ("run", lambda run: run["id"]),
}


@dataclass(frozen=True, kw_only=True)
class RunsTable:
    """A table of runs, each with its job first."""

    name: str
    title: str
    columns: Sequence[str]
    #: Of columns that only this table has.
    more: Columns = field(default_factory=dict)

    def of(self, api: PrefectApi, runs: Sequence[Mapping[str, Any]], *, note: str = "") -> Table:
        """Fill it. Raises `PrefectUnavailable`."""
        jobs, numbers = get_jobs(api, runs), get_numbers(map(get_order, runs))
        known: Columns = {
            **COLUMNS,
            **self.more,
            "job": ("job", lambda run: jobs.get(run["deployment_id"], "")),
            "number": ("order", lambda run: numbers.get(get_order(run))),
        }
        keys = ("job", *self.columns)
        return Table(
            name=self.name,
            title=self.title,
            columns={key: known[key][0] for key in keys},
            rows=[[known[key][1](run) for key in keys] for run in runs],
            note=note,
            only_json=["order"],
        )
