"""The runs that wait in one of our queues at Prefect, counted and cancelled in bounded pages."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils import timezone

from downman.domain.jobs import WAITING_RUN_STATES, Queue
from downman.models import DownloadRequest
from downman.prefect_api import PrefectApi
from downman.settings import prefect_names

#: The most that Prefect cancels at once.
AT_ONCE = 50
WAITS = {"type": {"any_": WAITING_RUN_STATES}}
#: With a name of its own: after each run that becomes "Cancelled", an automation has Prefect look for its order.
PURGED = {"type": "CANCELLED", "name": "Purged", "message": "The queue was purged."}


def count_runs(api: PrefectApi, queue: Queue) -> int:
    """Count what `cancel_runs` would end.

    Raises `PrefectUnavailable`.
    """
    return int(api.ask("POST", "flow_runs/count", _waiting(queue)))


def cancel_runs(api: PrefectApi, queue: Queue) -> Iterator[int]:
    """Cancel the runs that wait in a queue, and give how many after each step. Raises `PrefectUnavailable`.

    What comes meanwhile may stay; a run for an order that waits all the same is left to it. A run that starts at this
    moment goes on: it finds nothing to do.
    """
    kept = 0
    # Each step looks at other runs: no more are needed, however many come meanwhile.
    for _ in range(count_runs(api, queue) // AT_ONCE + 1):
        looked_at = {**_waiting(queue), "sort": "ID_DESC", "limit": AT_ONCE, "offset": kept}
        page = api.ask("POST", "flow_runs/filter", looked_at)
        ended = _cancel(api, _unwanted(page))
        kept += len(page) - ended
        yield ended


def _waiting(queue: Queue) -> Mapping[str, Any]:
    runs: dict[str, Any] = {"state": WAITS}
    if queue is Queue.MAINTENANCE:
        # Prefect plans a schedule's runs ahead, and never plans a time again: cancelled, it would be left out.
        runs["expected_start_time"] = {"before_": timezone.now().isoformat()}
    return {
        "flow_runs": runs,
        "work_pools": {"name": {"any_": [prefect_names().pool]}},
        "work_pool_queues": {"name": {"any_": [queue.value]}},
    }


def _unwanted(page: Sequence[Mapping[str, Any]]) -> list[str]:
    asked_for = {run["id"]: run["parameters"].get("request_id") for run in page}
    numbers = [number for number in asked_for.values() if isinstance(number, int)]
    waiting = DownloadRequest.objects.filter(pk__in=numbers, due_at__isnull=False)
    wanted = set(waiting.values_list("pk", flat=True))
    return [run_id for run_id, number in asked_for.items() if number not in wanted]


def _cancel(api: PrefectApi, runs: Sequence[str]) -> int:
    if not runs:
        return 0
    wanted = {"flow_runs": {"id": {"any_": runs}, "state": WAITS}, "state": PURGED, "limit": AT_ONCE}
    answer = api.ask("POST", "flow_runs/bulk_set_state", wanted)
    return sum(result["status"] == "ACCEPT" for result in answer["results"])
