"""Runs that no worker executes any more, though Prefect has them as running."""

from datetime import datetime

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Crashed

from downman.domain.jobs import ACTIVE_RUN_STATES

PAGE = 200


async def declare_crashed_runs(client: PrefectClient, *, pool: str, before: datetime) -> list[str]:
    """Mark as crashed the runs of a pool that Prefect has had as running since before a time at which no worker ran.

    Such a run would hold a slot of its queue indefinitely. Return what was done, one line each.
    """
    done: list[str] = []
    offset = 0
    while True:
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(
                    type=FlowRunFilterStateType(any_=[StateType(state) for state in ACTIVE_RUN_STATES])
                )
            ),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
            sort=FlowRunSort.ID_DESC,
            limit=PAGE,
            offset=offset,
        )
        crashed = [run for run in runs if run.state and run.state.timestamp < before]
        for run in crashed:
            ending = Cancelled if run.state_type == StateType.CANCELLING else Crashed
            await client.set_flow_run_state(run.id, ending(message="Its worker was stopped while it ran."), force=True)
            done.append(f"run {run.name}: declared crashed")
        if len(runs) < PAGE:
            return done
        # What was declared crashed is no longer in the list.
        offset += len(runs) - len(crashed)
