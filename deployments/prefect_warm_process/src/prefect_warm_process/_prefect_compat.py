"""Every private name of Prefect that this package uses, each with the reason why no public one does.

The rest of the package names nothing of Prefect that begins with an underscore, which a test checks. So this file is
what to read before another version of Prefect is allowed; the conformance tests say whether it still holds.
"""

import logging
from typing import TYPE_CHECKING, Any
from uuid import UUID

# Not used here: each run loads it, which takes less time where it is loaded already.
import prefect._internal.observers  # noqa: F401

# How a run's process is supervised. Prefect publishes this only as a whole, as the type `process`, which starts an
# interpreter; its parts are the only way to end runs exactly as it does.
# What the engine of a run reports of its end:
from prefect._internal.attempt_control import AttemptConclusion, EngineOutcomeReceipt
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse

# The last state of a run that is cancelled:
from prefect.runner._cancel_finalizer import finalize_cancelled_state

# The order of things when a run is cancelled: signal, process, hooks, state:
from prefect.runner._cancellation_manager import CancellationManager

# The socket through which a run learns whether it is cancelled or rescheduled:
from prefect.runner._control_channel import ControlChannel, ControlSignalStatus

# The events of a cancelled run:
from prefect.runner._event_emitter import EventEmitter

# A run from its start to the state that says how it crashed:
from prefect.runner._flow_run_executor import FlowRunExecutionResult, FlowRunExecutor

# The hooks of a flow, with the lines that they leave in the run's log:
from prefect.runner._hook_runner import HookRunner

# The processes of runs, as the executor and the canceller want them:
from prefect.runner._process_manager import ProcessHandle, ProcessManager, create_isolated_termination_scope

# The states that a worker proposes:
from prefect.runner._state_proposer import StateProposer
from prefect.workers.process import ProcessWorker

__all__ = [
    "AttemptConclusion",
    "CancellationManager",
    "ControlChannel",
    "ControlSignalStatus",
    "EngineOutcomeReceipt",
    "EventEmitter",
    "FlowRunExecutionResult",
    "FlowRunExecutor",
    "HookRunner",
    "ProcessHandle",
    "ProcessManager",
    "StateProposer",
    "WorkerSteps",
    "create_isolated_termination_scope",
    "finalize_cancelled_state",
]

# Prefect registers every subclass of its workers as a type of worker; this is only a part of one.
if TYPE_CHECKING:
    _Worker = ProcessWorker
else:
    _Worker = object


class WorkerSteps(_Worker):
    """What Prefect's worker does with a run, step by step, under names that a part of a worker may override.

    A worker type is public, and so is `run`. But Prefect publishes no way to take runs at another time than its own
    loop does, to let one failed request pass without ending the worker, or to count runs by queue.
    """

    @property
    def log(self) -> "logging.Logger | logging.LoggerAdapter[Any]":
        """The worker's logger, which sends to the server what is worth it."""
        return self._logger

    @property
    def submitting(self) -> set[UUID]:
        """The runs that were taken and have not begun."""
        return self._submitting_flow_run_ids

    async def submit_offered(self, offered: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Take runs that the server has offered, as far as the worker's own limit allows."""
        return await super()._submit_scheduled_flow_runs(offered)

    async def submit_run(self, flow_run: FlowRun) -> None:
        """See one run from its taking to its end."""
        await super()._submit_run(flow_run)

    async def become_pending(self, flow_run: FlowRun) -> bool:
        """Propose that a run is pending, and return whether it is this worker's now."""
        return await super()._propose_pending_state(flow_run)

    async def label_run(self, flow_run_id: UUID) -> None:
        """Label a run with its worker."""
        await super()._give_worker_labels_to_flow_run(flow_run_id)

    async def cancel_unstarted(self, flow_run: FlowRun, state_updates: dict[str, Any] | None = None) -> None:
        """Cancel a run that was taken but cannot be started, as its deployment is gone."""
        await super()._mark_flow_run_as_cancelled(flow_run, state_updates)

    def release_limit_slot(self, flow_run_id: UUID) -> None:
        """Free the run's slot of the worker's own limit."""
        super()._release_limit_slot(flow_run_id)

    def forget_run(self, flow_run_id: UUID) -> None:
        """Drop a run that was taken, so that it can be taken again."""
        self._submitting_flow_run_ids.discard(flow_run_id)
        if self._cancelling_observer is not None:
            self._cancelling_observer.remove_in_flight_flow_run_id(flow_run_id)

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        return await self.submit_offered(flow_run_response)

    async def _submit_run(self, flow_run: FlowRun) -> None:
        await self.submit_run(flow_run)

    async def _propose_pending_state(self, flow_run: FlowRun) -> bool:
        return await self.become_pending(flow_run)

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        """Leave this state out: it says that something is being prepared for the run, which takes 10 ms here."""

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        await self.label_run(flow_run_id)

    async def _mark_flow_run_as_cancelled(self, flow_run: FlowRun, state_updates: dict[str, Any] | None = None) -> None:
        await self.cancel_unstarted(flow_run, state_updates)

    def _release_limit_slot(self, flow_run_id: UUID) -> None:
        self.release_limit_slot(flow_run_id)
