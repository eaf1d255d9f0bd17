"""The Prefect worker type `warm-process`: each flow run in a process of its own, forked from one that has all loaded.

    prefect worker start --pool POOL --type warm-process

It runs what Prefect's own type `process` runs, without the seconds that an interpreter, Prefect and the flow's modules
take to load, and wakes when the server says that a run is waiting instead of asking for it every ten seconds. Nothing
in this package knows what the flows are about.
"""

import asyncio
import logging
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
import httpx
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS
from prefect.workers.base import _is_transient_api_error
from prefect.workers.process import ProcessJobConfiguration, ProcessVariables, ProcessWorker, ProcessWorkerResult
from pydantic import Field

from prefect_warm_process.messages import Task
from prefect_warm_process.queue_slots import QueueSlots
from prefect_warm_process.settings import WarmProcessSettings
from prefect_warm_process.subscription import PoolSubscription
from prefect_warm_process.supervision import Supervision
from prefect_warm_process.worker_stats import EVERY_SECONDS, emit_worker_stats
from prefect_warm_process.zygote_pool import ForkedProcess, ZygoteKey, ZygotePool, ZygoteUnusable, per_run

#: Seconds after which a run is looked for again of which the server has told but which it has not given.
SECOND_LOOK_SECONDS = 0.1
#: The variable of a pool's job template that holds the limits of each worker.
LIMIT_PER_WORKER = "limit_per_worker"
#: How much the intervals of polling vary, plus one for a poll that fails.
POLLS_AHEAD = 2.6


class WarmProcessJobConfiguration(ProcessJobConfiguration):
    """What one run is started with."""

    preload: list[str] = Field(default_factory=list)

    @property
    def is_for_prefect(self) -> bool:
        """Return whether the run needs an interpreter of its own: another command, or packages to be installed."""
        return self._command_configured or bool(self.env.get("PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES"))

    def recipe(self, folder: str) -> ZygoteKey:
        """Return the recipe of the template from which the run is forked; without a folder of its own, in `folder`."""
        return ZygoteKey.of(self.env, folder=str(self.working_dir or folder), preload=tuple(self.preload))


class WarmProcessVariables(ProcessVariables):
    """What a pool, a deployment or a run may say of it."""

    preload: list[str] = Field(
        default_factory=list,
        title="Preload",
        description=(
            "Modules that are loaded before any run needs them, or functions to call, given as module:function. "
            "They must not start threads or open connections. Whatever is not named here is loaded by each run."
        ),
    )
    limit_per_worker: dict[str, int] = Field(
        default_factory=dict,
        title="Limit per worker",
        description=(
            "Of a work pool only: queue -> runs of it that one worker has under way at once. Workers learn of a change"
            " within a minute. A queue that is not named has no such limit; its own counts for all workers together."
        ),
    )


class WarmProcessWorker(ProcessWorker):
    """Runs flows in processes forked from a template, and wakes when the server tells of work."""

    type = "warm-process"
    job_configuration = WarmProcessJobConfiguration
    job_configuration_variables = WarmProcessVariables  # type: ignore[assignment] # Prefect says less than it means

    _display_name = "Warm process"
    _description = (
        "Execute flow runs in processes forked from one that has everything loaded. Starts a run in a fraction of a"
        " second, on Linux."
    )
    _documentation_url = ""
    _logo_url = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what every worker takes."""
        super().__init__(*args, **kwargs)
        self._settings = WarmProcessSettings()
        # A run that is due before the next poll must be known by now; until then it is waited for here.
        self._prefetch_seconds = max(self._prefetch_seconds, POLLS_AHEAD * PREFECT_WORKER_QUERY_SECONDS.value())
        self._templates = ZygotePool(
            load_seconds=self._settings.load_seconds, max_idle=self._settings.max_idle_templates
        )
        self._polling = asyncio.Lock()
        #: Runs that were taken and that the server still counts as waiting.
        self._taken: dict[UUID, asyncio.Event] = {}
        self._places = QueueSlots()
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._told_of: set[UUID] = set()
        #: The runs of the server's last answer.
        self._given: set[UUID] = set()
        self._subscription: PoolSubscription | None = None
        self._listening: anyio.CancelScope | None = None
        self._supervision: Supervision | None = None
        self._stopping = False
        #: Whether the server did not answer at the last look.
        self._away = False

    @property
    def supervision(self) -> Supervision:
        """What watches over the runs, while the worker is set up."""
        if self._supervision is None:
            raise RuntimeError("The worker has not been set up.")
        return self._supervision

    async def start(self, *args: Any, **kwargs: Any) -> None:
        """Work until told to stop, by SIGTERM or Ctrl-C; told twice, without any grace for the runs under way.

        Prefect's command makes SIGTERM an interrupt, which a process that was started in the background of a shell
        script ignores, and answers a second one by killing itself.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine, so a task runs it
        taken = []
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
                loop.add_signal_handler(number, self._told_to_stop, task)
                taken.append(number)
        try:
            await super().start(*args, **kwargs)
        finally:
            for number in taken:
                loop.remove_signal_handler(number)

    def _told_to_stop(self, task: asyncio.Task[Any]) -> None:
        if self._stopping:
            self._logger.info("Told again to stop: handing back what is under way.")
            if self._supervision is not None:
                self._supervision.skip_grace_period()
        else:
            self._stopping = True
            self._logger.info(
                "Told to stop: %s runs under way, which have %g s.",
                0 if self._supervision is None else self._supervision.executing,
                self._settings.stop_grace_seconds,
            )
            task.cancel()

    async def setup(self) -> None:
        """Get ready: besides what every worker does, load the template and listen to the server."""
        self._folder = tempfile.TemporaryDirectory(prefix="warm-process-")
        await super().setup()
        self._supervision = await self._exit_stack.enter_async_context(
            Supervision(self.client, name=self.name, heartbeat_seconds=self._settings.heartbeat_seconds)
        )
        self._start_listening()

    async def teardown(self, *exc_info: Any) -> None:
        """Stop: take no more runs, let those under way end within the grace, hand the others back."""
        self._stopping = True
        if self._listening is not None:
            self._listening.cancel()
        while self._submitting_flow_run_ids:  # noqa: ASYNC110 - Prefect's own set, which tells nobody
            await anyio.sleep(0.05)
        # Without an exception it is the end of `--run-once`, which waits for its runs.
        interrupted = bool(exc_info and exc_info[0])
        await self.supervision.stop(grace_seconds=self._settings.stop_grace_seconds if interrupted else None)
        try:
            await super().teardown(*exc_info)
        finally:
            await self._templates.close()
            self._folder.cleanup()

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Take what is due; also called when the server tells of work."""
        runs: list[FlowRun] = []
        async with self._polling:
            if self._stopping:
                return runs
            with self._tolerate_outages():
                if self._subscription is not None and not self._subscription.connected:
                    await self.supervision.look_for_cancelled()
                runs = await super().get_and_submit_flow_runs()
            # The limits of pool and queues count pending and running runs only. Asked again before these are pending,
            # the server would give more than it should.
            for pending in list(self._taken.values()):
                await pending.wait()
            return runs

    async def _sync_and_initialize(self) -> None:
        with self._tolerate_outages():
            await super()._sync_and_initialize()

    @contextmanager
    def _tolerate_outages(self) -> Iterator[None]:
        """Look again the next time: after 7 minutes of such looks Prefect's own loop ends the worker, with its runs."""
        try:
            yield
        except httpx.HTTPError as exc:
            if not _is_transient_api_error(exc):
                raise
            if not self._away:
                self._logger.warning("The server does not answer (%s); runs under way go on.", exc or type(exc))
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
                "Flow run '%s' could not be taken (%s); it is as soon as the server gives it again.",
                flow_run.name,
                exc or type(exc),
                exc_info=not isinstance(exc, httpx.HTTPError),
            )
            self._put_back(flow_run.id)
        finally:
            self._is_counted(flow_run.id)

    def _put_back(self, flow_run_id: UUID) -> None:
        """Know nothing of a run any more; without looking for others at once, who would meet the same trouble."""
        self._submitting_flow_run_ids.discard(flow_run_id)
        if self._cancelling_observer is not None:
            self._cancelling_observer.remove_in_flight_flow_run_id(flow_run_id)
        super()._release_limit_slot(flow_run_id)
        self._places.leave(flow_run_id)

    async def _propose_pending_state(self, flow_run: FlowRun) -> bool:
        try:
            return await super()._propose_pending_state(flow_run)
        finally:
            self._is_counted(flow_run.id)

    def _is_counted(self, flow_run_id: UUID) -> None:
        pending = self._taken.pop(flow_run_id, None)
        if pending is not None:
            pending.set()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Run one flow run in a forked child, and give how it ended."""
        assert isinstance(configuration, WarmProcessJobConfiguration)  # noqa: S101 - the class named above
        recipe = configuration.recipe(self._folder.name)
        if configuration.is_for_prefect or not await self._can_fork(recipe, flow_run):
            return await super().run(flow_run, configuration, task_status)
        with _folder_for(configuration) as folder:
            result = await self.supervision.execute(
                flow_run,
                _Forks(self._templates, recipe, configuration, flow_run, folder),
                started=(task_status or anyio.TASK_STATUS_IGNORED).started,
            )
        if result is None:
            return ProcessWorkerResult(status_code=0, identifier="")
        return ProcessWorkerResult(status_code=result.status_code or 0, identifier=str(result.handle.pid))

    async def _can_fork(self, recipe: ZygoteKey, flow_run: FlowRun) -> bool:
        try:
            await self._templates.warm(recipe)
        except ZygoteUnusable as exc:
            self.get_flow_run_logger(flow_run).warning("Started without a template: %s.", exc)
            return False
        return True

    async def _initialize_after_sync(self) -> None:
        await super()._initialize_after_sync()
        # The first time within `setup`; later when the server could not be reached then.
        self._start_listening()

    def _start_listening(self) -> None:
        """Load the template for the pool's own environment, and take what the server tells of; once."""
        if self._supervision is None or self._work_pool is None or self._listening is not None:
            return
        assert self._runs_task_group is not None  # noqa: S101 - made before the supervision
        self._listening = anyio.CancelScope()
        self._subscription = PoolSubscription(
            self._work_pool.id,
            self._work_queues,
            on_work=self._look_for,
            on_cancelling=self._supervision.cancel,
            on_connected=self._catch_up,
        )
        self._runs_task_group.start_soon(self._listen, self._listening, self._subscription)

    async def _listen(self, scope: anyio.CancelScope, subscription: PoolSubscription) -> None:
        with scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._warm_up)
                tasks.start_soon(self._emit_worker_stats)
                tasks.start_soon(subscription.run)
                tasks.start_soon(self._take_when_told)

    async def _emit_worker_stats(self) -> None:
        started = datetime.now(UTC)
        resource: dict[str, str] = self._event_resource()  # type: ignore[no-untyped-call]
        while True:
            emit_worker_stats(
                resource,
                executing=self.supervision.executing,
                queues=self._work_queues,
                started=started,
            )
            await anyio.sleep(EVERY_SECONDS)

    async def _warm_up(self) -> None:
        try:
            configuration: WarmProcessJobConfiguration = await WarmProcessJobConfiguration.from_template_and_values(
                base_job_template=self.work_pool.base_job_template, values={}, client=self.client
            )
            configuration.env = {**os.environ, **configuration._base_environment(), **configuration.env}  # noqa: SLF001
            await self._templates.warm(configuration.recipe(self._folder.name))
        except ZygoteUnusable as exc:
            self._logger.warning("Runs start without a template: %s.", exc)
        except Exception:
            self._logger.exception("The template could not be prepared; the first run does it.")

    async def _take_when_told(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            told_of, self._told_of = self._told_of, set()
            try:
                await self.get_and_submit_flow_runs()
            except httpx.HTTPError as exc:
                self._logger.debug("Could not take runs when told: %s", exc)
                continue
            except Exception:
                # The edge of this task: polling goes on, and says what is wrong.
                self._logger.exception("Could not take runs when told.")
                continue
            if told_of - self._given:
                # The server may tell of a run a moment before it gives it.
                asyncio.get_running_loop().call_later(SECOND_LOOK_SECONDS, self._wake.set)

    def _look_for(self, flow_run_id: UUID | None = None) -> None:
        if flow_run_id is not None:
            self._told_of.add(flow_run_id)
        self._wake.set()

    def _catch_up(self) -> None:
        """Look for what was told while nobody listened."""
        self._look_for()
        if self._runs_task_group is not None:
            self._runs_task_group.start_soon(self._look_for_cancelled)

    async def _look_for_cancelled(self) -> None:
        try:
            await self.supervision.look_for_cancelled()
        except Exception as exc:  # noqa: BLE001 - the edge of this task; polling looks for them too
            self._logger.debug("Could not look for cancelled runs: %s", exc)

    async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
        """Submit what is due, and wake for the others when their time has come.

        Prefect's own worker starts a run up to ten seconds early, because it takes so long to start one; here it would
        hold a place of its queue for nothing.
        """
        now = time.time()
        self._given = {entry.flow_run.id for entry in flow_run_response}
        due: list[WorkerFlowRunResponse] = []
        later: list[WorkerFlowRunResponse] = []
        for entry in flow_run_response:
            at = entry.flow_run.next_scheduled_start_time
            (later if at is not None and at.timestamp() > now else due).append(entry)
        self._set_alarm([at.timestamp() - now for entry in later if (at := entry.flow_run.next_scheduled_start_time)])
        before = set(self._submitting_flow_run_ids)
        limits = self._limits()
        due = [entry for entry in due if self._places.take(entry.flow_run, limits)]
        runs = await super()._submit_scheduled_flow_runs(due)
        for entry in due:
            if entry.flow_run.id not in self._submitting_flow_run_ids:
                # The worker as a whole is full.
                self._places.leave(entry.flow_run.id)
        self._taken |= {flow_run_id: asyncio.Event() for flow_run_id in self._submitting_flow_run_ids - before}
        return runs

    def _limits(self) -> dict[str, int]:
        """Return queue -> runs of it that may be under way here at once, as the pool says now."""
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
        self._places.leave(flow_run_id)
        # A run that waited for the place may have it now. A place in a queue comes free with the run's last state,
        # of which the server tells.
        has_own_limits = self._limiter is not None or (self._work_pool is not None and self._limits())
        if has_own_limits or self._subscription is None or not self._subscription.connected:
            self._look_for()

    async def _mark_flow_run_as_cancelled(self, flow_run: FlowRun, state_updates: dict[str, Any] | None = None) -> None:
        # Its deployment is gone: it was taken, but never started.
        self._places.leave(flow_run.id)
        await super()._mark_flow_run_as_cancelled(flow_run, state_updates)

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        """Leave this state out: it says that something is being prepared for the run, which takes 10 ms here."""

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        """Label the run while it starts, not before."""
        if self._runs_task_group is not None:
            self._runs_task_group.start_soon(self._label, flow_run_id)

    async def _label(self, flow_run_id: UUID) -> None:
        try:
            await super()._give_worker_labels_to_flow_run(flow_run_id)
        except Exception as exc:  # noqa: BLE001 - the edge of this task: a label is not worth the worker and its runs
            self._logger.warning("Flow run %s is not labelled with its worker: %s", flow_run_id, exc or type(exc))


class _Forks:
    """Has the children of one run forked."""

    def __init__(
        self,
        templates: ZygotePool,
        recipe: ZygoteKey,
        configuration: WarmProcessJobConfiguration,
        flow_run: FlowRun,
        folder: str,
    ) -> None:
        self._templates = templates
        self._recipe = recipe
        self._flow_run = flow_run
        self._variables = per_run(configuration.env)
        self._folder = folder
        self._output = configuration.stream_output

    async def engine(self, environment: dict[str, str]) -> ForkedProcess:
        return await self._fork("run_engine", {"flow_run_id": str(self._flow_run.id)}, environment)

    async def hooks(self, kind: str, state: State[Any]) -> ForkedProcess:
        arguments = {
            "kind": kind,
            "flow_run": self._flow_run.model_dump(mode="json"),
            "state": state.model_dump(mode="json"),
        }
        return await self._fork("run_hooks", arguments, {})

    async def _fork(self, task: str, arguments: dict[str, Any], environment: dict[str, str]) -> ForkedProcess:
        return await self._templates.fork(
            self._recipe,
            Task(
                name=task,
                arguments=arguments,
                environment={**self._variables, **environment},
                folder=self._folder,
                output=self._output,
            ),
        )


def _folder_for(configuration: WarmProcessJobConfiguration) -> AbstractContextManager[str]:
    if configuration.working_dir is not None:
        return nullcontext(str(Path(configuration.working_dir).resolve()))
    return tempfile.TemporaryDirectory(suffix="prefect")
