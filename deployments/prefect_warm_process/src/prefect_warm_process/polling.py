"""Takes runs from the server when it says that there are some, besides Prefect's own regular polls."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS
from prefect.workers.base import _is_transient_api_error
from prefect.workers.process import ProcessWorker

from prefect_warm_process.job_configuration import LIMIT_PER_WORKER
from prefect_warm_process.queue_slots import QueueSlots
from prefect_warm_process.subscription import PoolSubscription
from prefect_warm_process.supervision import Supervision

#: Seconds after which a run is looked for again that an event has announced but the server has not offered.
SECOND_POLL_SECONDS = 0.1
#: How much the intervals of polling vary, plus one for a poll that fails.
POLLS_AHEAD = 2.6

# Prefect registers every subclass of its workers as a type of worker; this is only a part of one.
if TYPE_CHECKING:
    _Worker = ProcessWorker
else:
    _Worker = object


class Polling(_Worker):
    """The part of a worker that takes runs: which, when, and how many."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what every worker takes."""
        super().__init__(*args, **kwargs)
        # A run that is due before the next poll must be known by now; until then it is waited for here.
        self._prefetch_seconds = max(self._prefetch_seconds, POLLS_AHEAD * PREFECT_WORKER_QUERY_SECONDS.value())
        self._polling = asyncio.Lock()
        #: Runs that were taken and that the server still counts as waiting.
        self._becoming_pending: dict[UUID, asyncio.Event] = {}
        self._slots = QueueSlots()
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        #: The runs of which events have come since the last poll.
        self._announced: set[UUID] = set()
        #: The runs of the server's last answer.
        self._offered: set[UUID] = set()
        self._subscription: PoolSubscription | None = None
        self._supervision: Supervision | None = None
        self._stopping = False
        #: Whether the server did not answer at the last poll.
        self._away = False

    @property
    def supervision(self) -> Supervision:
        """What watches over the runs, while the worker is set up."""
        if self._supervision is None:
            raise RuntimeError("The worker has not been set up.")
        return self._supervision

    @property
    def _hears_events(self) -> bool:
        return self._subscription is not None and self._subscription.connected

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Take what is due; also called when an event says that there is work."""
        runs: list[FlowRun] = []
        async with self._polling:
            if self._stopping:
                return runs
            with self._tolerate_outages():
                if self._subscription is not None and not self._hears_events:
                    await self.supervision.cancel_requested()
                runs = await super().get_and_submit_flow_runs()
            # The limits of pool and queues count pending and running runs only. Asked again before these are pending,
            # the server would give more than it should.
            for pending in list(self._becoming_pending.values()):
                await pending.wait()
            return runs

    async def _sync_and_initialize(self) -> None:
        with self._tolerate_outages():
            await super()._sync_and_initialize()

    @contextmanager
    def _tolerate_outages(self) -> Iterator[None]:
        """Let the next poll try again; after 7 minutes of failures Prefect's own loop ends the worker with its runs."""
        try:
            yield
        except httpx.HTTPError as exc:
            if not _is_transient_api_error(exc):
                raise
            if not self._away:
                self._logger.warning("The server does not answer (%s); running flow runs go on.", exc or type(exc))
            self._away = True
        else:
            if self._away:
                self._logger.info("The server answers again.")
            self._away = False

    async def _submit_run(self, flow_run: FlowRun) -> None:
        try:
            await super()._submit_run(flow_run)
        except Exception as exc:
            # The edge of this task: one answer of 500 here ends Prefect's own worker.
            self._logger.log(
                logging.WARNING if isinstance(exc, httpx.HTTPError) else logging.ERROR,
                "Flow run '%s' could not be taken (%s); it is as soon as the server offers it again.",
                flow_run.name,
                exc or type(exc),
                exc_info=not isinstance(exc, httpx.HTTPError),
            )
            self._forget(flow_run.id)
        finally:
            self._mark_pending(flow_run.id)

    def _forget(self, flow_run_id: UUID) -> None:
        """Drop a run; without polling for others immediately, who would meet the same trouble."""
        self._submitting_flow_run_ids.discard(flow_run_id)
        if self._cancelling_observer is not None:
            self._cancelling_observer.remove_in_flight_flow_run_id(flow_run_id)
        super()._release_limit_slot(flow_run_id)
        self._slots.release(flow_run_id)

    async def _propose_pending_state(self, flow_run: FlowRun) -> bool:
        try:
            return await super()._propose_pending_state(flow_run)
        finally:
            self._mark_pending(flow_run.id)

    def _mark_pending(self, flow_run_id: UUID) -> None:
        pending = self._becoming_pending.pop(flow_run_id, None)
        if pending is not None:
            pending.set()

    async def _poll_when_woken(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            announced, self._announced = self._announced, set()
            try:
                await self.get_and_submit_flow_runs()
            except httpx.HTTPError as exc:
                self._logger.debug("Could not take runs after an event: %s", exc)
                continue
            except Exception:
                # The edge of this task: the regular polls go on, and say what is wrong.
                self._logger.exception("Could not take runs after an event.")
                continue
            if announced - self._offered:
                # An event may come a moment before the server offers its run.
                asyncio.get_running_loop().call_later(SECOND_POLL_SECONDS, self._wake.set)

    def _wake_to_poll(self, flow_run_id: UUID | None = None) -> None:
        if flow_run_id is not None:
            self._announced.add(flow_run_id)
        self._wake.set()

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Submit what is due, and wake for the others when their time has come.

        Prefect's own worker starts a run up to ten seconds early, because it takes so long to start one; here it would
        hold a slot of its queue for nothing.
        """
        now = time.time()
        self._offered = {entry.flow_run.id for entry in flow_run_response}
        due: list[WorkerFlowRunResponse] = []
        later: list[WorkerFlowRunResponse] = []
        for entry in flow_run_response:
            at = entry.flow_run.next_scheduled_start_time
            (later if at is not None and at.timestamp() > now else due).append(entry)
        self._set_alarm([at.timestamp() - now for entry in later if (at := entry.flow_run.next_scheduled_start_time)])
        before = set(self._submitting_flow_run_ids)
        limits = self._limits()
        due = [entry for entry in due if self._slots.acquire(entry.flow_run, limits)]
        runs = await super()._submit_scheduled_flow_runs(due)
        for entry in due:
            if entry.flow_run.id not in self._submitting_flow_run_ids:
                # The worker as a whole is full.
                self._slots.release(entry.flow_run.id)
        submitted = self._submitting_flow_run_ids - before
        self._becoming_pending |= {flow_run_id: asyncio.Event() for flow_run_id in submitted}
        return runs

    def _limits(self) -> dict[str, int]:
        """Return queue -> runs of it that may be executed here concurrently, as the pool says now."""
        properties = self.work_pool.base_job_template.get("variables", {}).get("properties", {})
        limits: dict[str, int] = properties.get(LIMIT_PER_WORKER, {}).get("default") or {}
        return limits

    def _set_alarm(self, seconds: Sequence[float]) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if seconds:
            self._alarm = asyncio.get_running_loop().call_later(min(seconds), self._wake.set)

    def _release_limit_slot(self, flow_run_id: UUID) -> None:
        super()._release_limit_slot(flow_run_id)
        self._slots.release(flow_run_id)
        # A run that waited for the slot may have it now. A slot of a queue as a whole comes free with the run's last
        # state, of which there is an event.
        has_own_limits = self._limiter is not None or (self._work_pool is not None and self._limits())
        if has_own_limits or not self._hears_events:
            self._wake_to_poll()

    async def _mark_flow_run_as_cancelled(self, flow_run: FlowRun, state_updates: dict[str, Any] | None = None) -> None:
        # Its deployment is gone: it was taken, but never started.
        self._slots.release(flow_run.id)
        await super()._mark_flow_run_as_cancelled(flow_run, state_updates)
