"""A worker at work on a server of its own, and the times of its runs, for the benchmark of the workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, StateType
from prefect.workers.process import ProcessWorker

from prefect_warm_process.worker import WarmProcessWorker
from tests.benchmarks import worker_flows
from tests.integration.worker.workers import ROOT, Worker, until
from tests.prefect_servers import PrefectServer

#: The worker types, by the names of their pools.
TYPES: dict[str, type[ProcessWorker]] = {"stock": ProcessWorker, "warm": WarmProcessWorker}
FLOWS = worker_flows.__name__
RUNS_AT_ONCE = 4
STEP_SECONDS = 900.0
#: Rarely enough that asking for many runs is not what the server is busy with.
ASK_SECONDS = 0.5
#: And often enough for one.
ASK_SOON_SECONDS = 0.1


@dataclass(frozen=True)
class Timing:
    """When one run was created, began and ended, in seconds since the epoch."""

    created: float
    began: float
    ended: float


@dataclass(frozen=True)
class Bench:
    """One worker and its deployment."""

    client: SyncPrefectClient
    server: PrefectServer
    deployment: UUID
    worker: Worker
    zygote: psutil.Process | None

    def run(self, count: int = 1) -> list[UUID]:
        """Have so many runs made at once, and wait until all have completed and their processes have gone."""
        runs = [self.client.create_flow_run_from_deployment(self.deployment).id for _ in range(count)]
        until(self._all_ended, seconds=STEP_SECONDS, every=ASK_SOON_SECONDS if count == 1 else ASK_SECONDS)
        until(lambda: not self._processes_of_runs(), seconds=STEP_SECONDS)
        bad = self._some_run(set(StateType) - {StateType.COMPLETED})
        assert not bad, f"{bad[0].name} did not complete: {bad[0].state}\n{self.worker.said()}"
        return runs

    def timing(self, run_id: UUID) -> Timing:
        """Return the times that the server has of a run."""
        run = self.client.read_flow_run(run_id)
        assert run.start_time is not None
        assert run.end_time is not None
        created = min(state.timestamp for state in self.client.read_flow_run_states(run_id))
        return Timing(created.timestamp(), run.start_time.timestamp(), run.end_time.timestamp())

    def _all_ended(self) -> bool:
        assert psutil.Process(self.worker.pid).status() != psutil.STATUS_ZOMBIE, self.worker.said()
        return not self._some_run(set(StateType) - TERMINAL_STATES)

    def _some_run(self, states: set[StateType]) -> list[Any]:
        return self.client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[self.deployment])),
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[*states]))),
            limit=1,
        )

    def _processes_of_runs(self) -> list[psutil.Process]:
        return [process for process in self.worker.processes() if process != self.zygote]


def deploy(client: SyncPrefectClient, pool: str) -> UUID:
    """Make a pool with a deployment of the empty flow."""
    job_template = TYPES[pool].get_default_base_job_template()
    if pool == "warm":
        job_template["variables"]["properties"]["preload"]["default"] = [FLOWS]
    client.create_work_pool(WorkPoolCreate(name=pool, type=TYPES[pool].type, base_job_template=job_template))
    return client.create_deployment(
        client.create_flow(worker_flows.empty),
        pool,
        entrypoint=f"{FLOWS}.empty",
        pull_steps=[],
        work_pool_name=pool,
        enforce_parameter_schema=False,
        parameter_openapi_schema={},
    )


@contextmanager
def bench(client: SyncPrefectClient, server: PrefectServer, pool: str, folder: Path) -> Iterator[Bench]:
    """Return a worker that is ready, and stop it gently."""
    kind = TYPES[pool].type
    deployment = deploy(client, pool)
    # The processes of the runs load the flow as a module of this repository.
    environment = {**server.environment, "PYTHONPATH": str(ROOT)}
    with Worker(
        pool, kind, "--limit", str(RUNS_AT_ONCE), environment=environment, log=folder / f"{pool}.log"
    ) as worker:
        yield Bench(client, server, deployment, worker, worker.zygote() if pool == "warm" else None)
        worker.stop()
        worker.wait()
