"""Watches over the runs of a worker: how they end, and that they end when they are cancelled.

Made of the parts with which Prefect's own process worker does it for one run (`prefect.runner`); here they are shared
by all runs of a worker, which saves each run an API client, a control channel and a subscription.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self
from uuid import UUID

import anyio
import anyio.abc
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType

from prefect_warm_process._prefect_compat import (
    CancellationManager,
    ControlChannel,
    ControlSignalStatus,
    EngineOutcomeReceipt,
    EventEmitter,
    FlowRunExecutionResult,
    FlowRunExecutor,
    ProcessHandle,
    StateProposer,
    finalize_cancelled_state,
)
from prefect_warm_process.execution import Children, Execution, Hooks, ProcessGroups, Starter
from prefect_warm_process.heartbeats import emit_heartbeat
from prefect_warm_process.rescheduling import schedule_again

logger = logging.getLogger("prefect.worker.warm_process")

#: Seconds in which a run may end after it was signalled, once its grace is over.
LAST_SECONDS = 5.0
#: Seconds for which a run that is to be cancelled may take to begin here.
REMEMBERED_SECONDS = 300.0


class Supervision:
    """Everything that watches over the runs of one worker; an asynchronous context."""

    def __init__(self, client: PrefectClient, *, name: str, heartbeat_seconds: float) -> None:
        """Take the worker's client; 0 seconds: no heartbeats are emitted."""
        self._client = client
        self._heartbeat_seconds = heartbeat_seconds
        self._channel = ControlChannel()
        self._processes = ProcessGroups(on_add=self._added, on_remove=self._removed)
        self._proposer = StateProposer(client=client)
        self._emitter = EventEmitter(runner_name=name, client=client)
        self._executions: dict[UUID, Execution] = {}
        self._hooks = Hooks(self._executions.get)
        self._canceller = CancellationManager(
            process_manager=self._processes,
            hook_runner=self._hooks,
            state_proposer=self._proposer,
            event_emitter=self._emitter,
            client=client,
            control_channel=self._channel,
        )
        self._cancel_requests: set[UUID] = set()
        self._grace = anyio.CancelScope()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the control channel."""
        await self._stack.enter_async_context(self._processes)
        await self._stack.enter_async_context(self._emitter)
        await self._stack.enter_async_context(self._channel)
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        if self._heartbeat_seconds:
            self._heartbeats = asyncio.create_task(self._emit_heartbeats())
            self._stack.callback(self._heartbeats.cancel)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it, and end what still runs."""
        await self._stack.__aexit__(*exc_info)  # type: ignore[arg-type]

    async def _emit_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            for execution in list(self._executions.values()):
                if time.monotonic() - execution.began >= self._heartbeat_seconds:
                    emit_heartbeat(execution.flow_run)

    @property
    def executing(self) -> set[UUID]:
        """The runs that are executed now."""
        return set(self._executions)

    async def execute(
        self, flow_run: FlowRun, children: Children, *, started: Callable[[int], None]
    ) -> FlowRunExecutionResult | None:
        """Run a flow in a child and ensure that its state says how it ended; `started` gets the child's number.

        None: the run could not be started, which its state says, or it was released.
        """
        execution = self._executions[flow_run.id] = Execution(flow_run, children)
        executor = FlowRunExecutor(
            flow_run=flow_run,
            starter=Starter(children, self._channel),
            process_manager=self._processes,
            state_proposer=self._proposer,
            hook_runner=self._hooks,
            propose_submitting=False,
            get_attempt_conclusion=self._channel.get_conclusion,
        )
        result: FlowRunExecutionResult | None = None

        async def submit(*, task_status: anyio.abc.TaskStatus[ProcessHandle]) -> None:
            nonlocal result
            result = await executor.submit(task_status=task_status)

        try:
            with execution.scope:
                async with anyio.create_task_group() as tasks:
                    handle = await tasks.start(submit)
                    started(handle.pid)
            if execution.settled is not None:
                # Its hooks and its last state belong to the run.
                await execution.settled.wait()
            if result is not None and not self._has_reported_state(execution):
                await self._end_cancelled(execution)
        finally:
            self._cancel_requests.discard(flow_run.id)
            del self._executions[flow_run.id]
            execution.ended.set()
        return result

    def cancel(self, flow_run_id: UUID) -> None:
        """End a run that is to be cancelled: immediately, or as soon as it has begun."""
        # The server reports all runs of the pool, also of those that other workers execute.
        self._cancel_requests.add(flow_run_id)
        asyncio.get_running_loop().call_later(REMEMBERED_SECONDS, self._cancel_requests.discard, flow_run_id)
        execution = self._executions.get(flow_run_id)
        if execution is not None and execution.settled is None and flow_run_id in self._processes.flow_run_ids():
            execution.settled = anyio.Event()
            self._tasks.start_soon(self._cancel, execution)

    async def cancel_requested(self) -> None:
        """Ask the server which of the runs are to be cancelled, in case an event was missed."""
        if not self._executions:
            return
        asked = await self._client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                id=FlowRunFilterId(any_=list(self._executions)),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLING])),
            )
        )
        for flow_run in asked:
            self.cancel(flow_run.id)

    async def stop(self, *, grace_seconds: float | None) -> None:
        """Wait until all runs have ended. Those that have not within the grace are released (None: never)."""
        if grace_seconds is not None:
            self._grace.deadline = anyio.current_time() + grace_seconds
        with self._grace:
            while self._executions:
                await next(iter(self._executions.values())).ended.wait()
        async with anyio.create_task_group() as tasks:
            for execution in list(self._executions.values()):
                tasks.start_soon(self._release, execution)

    def skip_grace_period(self) -> None:
        """End the grace of `stop`, also of one that is still to come."""
        self._grace.cancel()

    async def _release(self, execution: Execution) -> None:
        """End a run that has not ended within the grace, and have it scheduled again: another worker takes it."""
        flow_run_id = execution.flow_run.id
        status = await self._channel.signal(flow_run_id, "reschedule")
        if status is not ControlSignalStatus.ALREADY_CONCLUDED:
            acknowledged = status is ControlSignalStatus.ACKNOWLEDGED
            # The other way round, another worker would have it while it still runs here.
            await self._processes.kill(flow_run_id, grace_seconds=LAST_SECONDS, force=not acknowledged)
            # Nobody is to say that it crashed.
            execution.scope.cancel()
            await schedule_again(self._client, execution.flow_run)
        await execution.ended.wait()

    async def _cancel(self, execution: Execution) -> None:
        assert execution.settled is not None  # noqa: S101 - set by `cancel`
        try:
            flow_run = await self._client.read_flow_run(execution.flow_run.id)
            if flow_run.state is not None and flow_run.state.is_cancelling():
                await self._canceller.cancel(flow_run)
        except Exception:
            # The edge of this task: one run's trouble must not end the worker.
            logger.exception("Flow run '%s' could not be cancelled.", execution.flow_run.name)
        finally:
            settled, execution.settled = execution.settled, None
            settled.set()

    def _has_reported_state(self, execution: Execution) -> bool:
        reported = isinstance(execution.conclusion, EngineOutcomeReceipt) and execution.conclusion.state_id is not None
        return reported and execution.flow_run.id not in self._cancel_requests

    async def _end_cancelled(self, execution: Execution) -> None:
        """End as cancelled a run that ended on its own meanwhile; it would stay `Cancelling`."""
        try:
            flow_run = await self._client.read_flow_run(execution.flow_run.id)
            if flow_run.state is None or not flow_run.state.is_cancelling():
                return
            await self._hooks.run_cancellation_hooks(flow_run, flow_run.state)
            await finalize_cancelled_state(
                flow_run=flow_run,
                state_proposer=self._proposer,
                client=self._client,
                logger=logger,
                state_updates={"message": "The flow run ended while it was being cancelled."},
            )
        except Exception:
            # The edge of the run: what is wrong with the server must not end the worker.
            logger.exception("Could not see how flow run '%s' ended.", execution.flow_run.name)

    async def _added(self, flow_run_id: UUID) -> None:
        if flow_run_id in self._cancel_requests:
            self.cancel(flow_run_id)

    async def _removed(self, flow_run_id: UUID) -> None:
        conclusion = self._channel.unregister(flow_run_id)
        execution = self._executions.get(flow_run_id)
        if execution is not None:
            execution.conclusion = conclusion
