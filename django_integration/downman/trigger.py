"""Asks Prefect to run a job."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from django.utils.module_loading import import_string

from downman.domain.errors import TriggerUnavailable
from downman.domain.jobs import EXECUTING_RUN_STATES, Job
from downman.domain.numbering import find_numbers
from downman.domain.ports import Trigger
from downman.prefect_api import PAGE, PrefectApi, PrefectUnavailable
from downman.settings import app_settings, prefect_names

#: Prefect's states after which a run will do nothing more.
ENDED = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


class PrefectTrigger:
    """Starts deployments of a Prefect server; safe to share between threads."""

    def __init__(self, *, api_url: str, auth_string: str = "", timeout_seconds: float = 0.6) -> None:
        """Nothing is sent yet."""
        self._api = PrefectApi(api_url=api_url, auth_string=auth_string, timeout_seconds=timeout_seconds)
        self._deployments: dict[str, str] = {}
        self.close = self._api.close

    def start(self, job: Job, *, key: str, at: datetime | None = None, request_id: int | None = None) -> str:
        """Ask for one run; the same `key` gives the same run. Raises `TriggerUnavailable`."""
        state: dict[str, Any] = {"type": "SCHEDULED", "state_details": {}}
        if at is not None:
            state["state_details"]["scheduled_time"] = at.isoformat()
        body = {
            "name": key,
            "idempotency_key": key,
            "parameters": {} if request_id is None else {"request_id": request_id},
            "state": state,
            # By the number that people read to each other, an order's runs are found; the deployment's own are added.
            "tags": find_numbers(key)[-1:],
        }
        try:
            run = self._api.find("POST", f"deployments/{self._deployment(job)}/create_flow_run", body)
            if run is None:
                # The deployment was made anew since we looked it up.
                self._deployments.pop(prefect_names().to_deployment(job), None)
                run = self._api.ask("POST", f"deployments/{self._deployment(job)}/create_flow_run", body)
        except PrefectUnavailable as exc:
            raise TriggerUnavailable(reason=str(exc)) from exc
        return str(run["id"])

    def live(self, run_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the runs that are executed or will be; asks in pages of 200."""
        found: set[str] = set()
        for start in range(0, len(run_ids), PAGE):
            page = list(run_ids[start : start + PAGE])
            try:
                runs = self._api.ask("POST", "flow_runs/filter", {"flow_runs": {"id": {"any_": page}}, "limit": PAGE})
            except PrefectUnavailable as exc:
                raise TriggerUnavailable(reason=str(exc)) from exc
            found.update(str(run["id"]) for run in runs if _may_still_work(run))
        return frozenset(found)

    def _deployment(self, job: Job) -> str:
        name = prefect_names().to_deployment(job)
        if name not in self._deployments:
            found = self._api.ask("GET", f"deployments/name/{quote(job)}/{quote(name)}")
            self._deployments[name] = str(found["id"])
        return self._deployments[name]


def _may_still_work(run: Mapping[str, Any]) -> bool:
    """Return whether a run is executed, or waits in the site's own pool.

    Where a queue was deleted (it has no pool then), or in the pool of before a change of `DOWNLOADS_POOL`, no worker of
    the site looks: a run would wait there for ever.
    """
    waits_for_us = run["state_type"] not in ENDED and run["work_pool_name"] == prefect_names().pool
    return waits_for_us or run["state_type"] in EXECUTING_RUN_STATES


class NoTrigger:
    """Starts nothing: orders wait until another process starts them. For sites that only take orders."""

    def __init__(self, **_options: Any) -> None:
        """Take the same options as the real one."""

    def start(self, job: Job, *, key: str, at: datetime | None = None, request_id: int | None = None) -> str:
        """Say that it cannot."""
        raise TriggerUnavailable(reason="this site starts no jobs")

    def live(self, run_ids: Sequence[str]) -> frozenset[str]:
        """Say that it cannot know."""
        raise TriggerUnavailable(reason="this site knows no jobs")


@cache
def _trigger(path: str, api_url: str, auth_string: str, timeout_seconds: float) -> Trigger:
    made: Trigger = import_string(path)(api_url=api_url, auth_string=auth_string, timeout_seconds=timeout_seconds)
    return made


def current_trigger() -> Trigger:
    """Return the trigger of the settings; one for each process."""
    settings = app_settings()
    return _trigger(
        settings.trigger,
        settings.prefect_api_url,
        settings.prefect_api_auth_string.get_secret_value(),
        settings.trigger_timeout_seconds,
    )
