"""Takes runs from the server when it says that there are some, besides Prefect's own regular polls."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.settings import PREFECT_WORKER_PREFETCH_SECONDS, PREFECT_WORKER_QUERY_SECONDS

from prefect_warm_process._prefect_compat import WorkerSteps
from prefect_warm_process.job_configuration import LIMIT_PER_WORKER
from prefect_warm_process.queue_slots import QueueSlots
from prefect_warm_process.subscription import PoolSubscription
from prefect_warm_process.supervision import Supervision

#: Seconds after which a run is looked for again that an event has announced but the server has not offered: the event
#: may come before its run can be read. Each further pause is three times the time that has passed, up to the second
#: figure; a run that is not offered by then was another worker's, or its queue is full.
LOOK_AGAIN_SECONDS, ANNOUNCED_SECONDS = 0.1, 10.0
#: Seconds after which a poll is repeated that the server has not answered; twice as many after each further one.
AWAY_SECONDS, MAX_AWAY_SECONDS = 0.5, 10.0
#: How much the intervals of polling vary, plus one for a poll that fails.
POLLS_AHEAD = 2.6


class Polling(WorkerSteps):
    """The part of a worker that takes runs: which, when, and how many."""

    def __init__(
        self,
        work_pool_name: str,
        work_queues: list[str] | None = None,
        name: str | None = None,
        prefetch_seconds: float | None = None,
        *,
        limit: int | None = None,
        **options: Any,
    ) -> None:
        """Take what every worker takes."""
        if prefetch_seconds is None:
            prefetch_seconds = PREFECT_WORKER_PREFETCH_SECONDS.value()
        # A run that is due before the next poll must be known by now; until then it is waited for here.
        prefetch_seconds = max(prefetch_seconds, POLLS_AHEAD * PREFECT_WORKER_QUERY_SECONDS.value())
        super().__init__(work_pool_name, work_queues, name, prefetch_seconds, limit=limit, **options)
        #: The queues that are served; empty: all of the pool.
        self.queues = frozenset(work_queues or ())
        self._has_limit = limit is not None
        self._polling = asyncio.Lock()
        #: Runs that were taken and that the server still counts as waiting.
        self._becoming_pending: dict[UUID, asyncio.Event] = {}
        self._slots = QueueSlots()
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        #: The runs of which events have come but that have not been offered, and since when.
        self._announced: dict[UUID, float] = {}
        self._looking_again: asyncio.TimerHandle | None = None
        self._failed_looks = 0
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

    async def sync_with_backend(self) -> None:
        """Tell the server that the worker lives, and learn of its pool."""
        with self._tolerate_outages():
            await super().sync_with_backend()

    @contextmanager
    def _tolerate_outages(self) -> Iterator[None]:
        """Let the next poll try again; after 7 minutes of failures Prefect's own loop ends the worker with its runs."""
        try:
            yield
        except httpx.HTTPError as exc:
            if not _may_pass(exc):
                raise
            if not self._away:
                self.log.warning("The server does not answer (%s); running flow runs go on.", exc or type(exc))
            self._away = True
        else:
            if self._away:
                self.log.info("The server answers again.")
            self._away = False

    async def submit_run(self, flow_run: FlowRun) -> None:
        """See one run from its taking to its end; what goes wrong ends neither the worker nor other runs."""
        try:
            await super().submit_run(flow_run)
        except Exception as exc:
            # The edge of this task: one answer of 500 here ends Prefect's own worker.
            self.log.log(
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
        self.forget_run(flow_run_id)
        super().release_limit_slot(flow_run_id)
        self._slots.release(flow_run_id)

    async def become_pending(self, flow_run: FlowRun) -> bool:
        """Propose that a run is pending, and note that the server has decided."""
        try:
            return await super().become_pending(flow_run)
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
            try:
                await self.get_and_submit_flow_runs()
            except httpx.HTTPError as exc:
                self.log.debug("Could not take runs after an event: %s", exc)
                self._look_again(answered=False)
            except Exception:
                # The edge of this task: the regular polls go on, and say what is wrong.
                self.log.exception("Could not take runs after an event.")
            else:
                self._look_again(answered=not self._away)

    def _look_again(self, *, answered: bool) -> None:
        """Have the server asked again, if it has not answered or not offered all that was announced."""
        if self._looking_again is not None:
            self._looking_again.cancel()
            self._looking_again = None
        if not answered:
            pause = min(AWAY_SECONDS * 2**self._failed_looks, MAX_AWAY_SECONDS)
            self._failed_looks += 1
        else:
            self._failed_looks = 0
            now = time.monotonic()
            self._announced = {
                flow_run_id: since for flow_run_id, since in self._announced.items() if now < since + ANNOUNCED_SECONDS
            }
            if not self._announced:
                return
            pause = max(LOOK_AGAIN_SECONDS, 3 * (now - max(self._announced.values())))
        self._looking_again = asyncio.get_running_loop().call_later(pause, self._wake.set)

    def _wake_to_poll(self, flow_run_id: UUID | None = None) -> None:
        if flow_run_id is not None and flow_run_id not in self.submitting | self.supervision.executing:
            self._announced[flow_run_id] = time.monotonic()
        self._wake.set()

    async def submit_offered(self, offered: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Submit what is due, and wake for the others when their time has come.

        Prefect's own worker starts a run up to ten seconds early, because it takes so long to start one; here it would
        hold a slot of its queue for nothing.
        """
        now = time.time()
        for entry in offered:
            self._announced.pop(entry.flow_run.id, None)
        due: list[WorkerFlowRunResponse] = []
        later: list[WorkerFlowRunResponse] = []
        for entry in offered:
            at = entry.flow_run.next_scheduled_start_time
            (later if at is not None and at.timestamp() > now else due).append(entry)
        self._set_alarm([at.timestamp() - now for entry in later if (at := entry.flow_run.next_scheduled_start_time)])
        before = set(self.submitting)
        limits = self._limits()
        due = [entry for entry in due if self._slots.acquire(entry.flow_run, limits)]
        runs = await super().submit_offered(due)
        for entry in due:
            if entry.flow_run.id not in self.submitting:
                # The worker as a whole is full.
                self._slots.release(entry.flow_run.id)
        submitted = self.submitting - before
        self._becoming_pending |= {flow_run_id: asyncio.Event() for flow_run_id in submitted}
        return runs

    def _limits(self) -> dict[str, int]:
        """Return queue -> runs of it that may be executed here concurrently, as the pool says now."""
        with suppress(RuntimeError):  # the worker does not know its pool yet
            properties = self.work_pool.base_job_template.get("variables", {}).get("properties", {})
            limits: dict[str, int] = properties.get(LIMIT_PER_WORKER, {}).get("default") or {}
            return limits
        return {}

    def _set_alarm(self, seconds: Sequence[float]) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if seconds:
            self._alarm = asyncio.get_running_loop().call_later(min(seconds), self._wake.set)

    def release_limit_slot(self, flow_run_id: UUID) -> None:
        """Free what a run has occupied here, and look for what has waited for that."""
        super().release_limit_slot(flow_run_id)
        self._slots.release(flow_run_id)
        # A run that waited for the slot may have it now. A slot of a queue as a whole comes free with the run's last
        # state, of which there is an event.
        if self._has_limit or self._limits() or not self._hears_events:
            self._wake_to_poll()

    async def cancel_unstarted(self, flow_run: FlowRun, state_updates: dict[str, Any] | None = None) -> None:
        """Cancel a run whose deployment is gone: it was taken, but never started."""
        self._slots.release(flow_run.id)
        await super().cancel_unstarted(flow_run, state_updates)


def _may_pass(error: httpx.HTTPError) -> bool:
    """Return whether the server may answer better when it is asked again."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.is_server_error
    return isinstance(error, httpx.TransportError)
