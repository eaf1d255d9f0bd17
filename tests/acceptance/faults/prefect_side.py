"""What a fault does to Prefect, and asks it, through its API as Prefect's own pages do."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from downman.domain.jobs import ACTIVE_RUN_STATES, DEFAULT_POOL, Job, Queue
from tests.acceptance.faults.parts import Parts, until

#: Prefect's states of runs that are over.
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
QUEUE = f"/work_pools/{DEFAULT_POOL}/queues/{Queue.PACKAGE}"


class Prefect:
    """Prefect's server, for those who know their way about it."""

    def __init__(self, parts: Parts) -> None:
        """Use the server of these parts."""
        self._ask = parts.ask_prefect
        self._downman = parts.downman

    def runs(self, number: int) -> list[Any]:
        """Return the runs for the order of a number, those that a test has asked for included."""
        wanted = {"deployments": {"name": {"any_": [Job.PACKAGE_REQUEST]}}, "sort": "START_TIME_DESC", "limit": 200}
        found = self._ask("POST", "/flow_runs/filter", wanted)
        return [run for run in found if run["parameters"] == {"request_id": number}]

    def starts(self, number: int) -> list[datetime]:
        """Return when the runs of an order started, as far as they have."""
        return [datetime.fromisoformat(run["start_time"]) for run in self.runs(number) if run["start_time"]]

    def running(self, number: int) -> str:
        """Return the one run of an order that is at work."""
        (run,) = [run for run in self.runs(number) if run["state_type"] == "RUNNING"]
        return str(run["id"])

    def is_under_way(self, number: int) -> bool:
        """Return whether a run of an order holds a place of its queue."""
        return any(run["state_type"] in ACTIVE_RUN_STATES for run in self.runs(number))

    def start(self, job: Job, **parameters: int) -> str:
        """Start one more run, and give its id."""
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self._ask("POST", f"/deployments/{self._deployment(job)}/create_flow_run", body)["id"])

    def until_ended(self, run_id: str) -> str:
        """Wait until a run has ended, and give its state."""
        until(lambda: self._state(run_id) in ENDED)
        return self._state(run_id)

    def set_state(self, run_id: str, state: str, *, force: bool = False) -> None:
        """Return a run a state."""
        body = {"state": {"type": state, "name": state.capitalize()}, "force": force}
        self._ask("POST", f"/flow_runs/{run_id}/set_state", body)

    def delete_run(self, run_id: str) -> None:
        """Delete a run."""
        self._ask("DELETE", f"/flow_runs/{run_id}")

    def delete_deployment(self, job: Job) -> None:
        """Delete the deployment of a job."""
        self._ask("DELETE", f"/deployments/{self._deployment(job)}")

    def delete_queue(self) -> None:
        """Delete the queue of the orders."""
        self._ask("DELETE", QUEUE)

    @contextmanager
    def queue(self, **settings: Any) -> Iterator[None]:
        """Change the queue of the orders for a while."""
        before = self._ask("GET", QUEUE)
        self._ask("PATCH", QUEUE, settings)
        try:
            yield
        finally:
            self._ask("PATCH", QUEUE, {name: before[name] for name in settings})

    def bootstrap(self) -> None:
        """Bring everything to what it should be, as an administrator does."""
        done = self._downman("bootstrap")
        assert done.returncode == 0, done.stderr

    def _deployment(self, job: Job) -> str:
        return str(self._ask("GET", f"/deployments/name/{job}/{job}")["id"])

    def _state(self, run_id: str) -> str:
        return str(self._ask("GET", f"/flow_runs/{run_id}")["state_type"])
