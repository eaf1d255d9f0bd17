"""The Prefect worker type `warm-process`: each flow run in a process of its own, forked from one that has all loaded.

    prefect worker start --pool POOL --type warm-process

It runs what Prefect's own type `process` runs, without the seconds that an interpreter, Prefect and the flow's modules
take to load, and polls when an event says that a run is waiting instead of every ten seconds. Nothing in this package
knows what the flows are about.
"""

import asyncio
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
import prefect
from prefect.client.schemas.objects import FlowRun
from prefect.settings import get_current_settings
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from prefect_warm_process.broken_pipes import silence_broken_output
from prefect_warm_process.execution import Child
from prefect_warm_process.job_configuration import WarmProcessJobConfiguration, WarmProcessVariables
from prefect_warm_process.messages import Task
from prefect_warm_process.polling import Polling
from prefect_warm_process.run_children import RunChildren, get_importable, get_run_folder
from prefect_warm_process.settings import WarmProcessSettings
from prefect_warm_process.subscription import PoolSubscription
from prefect_warm_process.supervision import Supervision
from prefect_warm_process.unforked import start_interpreter
from prefect_warm_process.worker_stats import EVERY_SECONDS, emit_worker_stats
from prefect_warm_process.zygote_key import ZygoteKey
from prefect_warm_process.zygote_pool import ZygotePool
from prefect_warm_process.zygote_process import ZygoteUnusable


class WarmProcessWorker(Polling, ProcessWorker):
    """Runs flows in processes forked from a zygote, and polls when an event says that there is work."""

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

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take what every worker takes."""
        super().__init__(*args, **options)
        self._settings = WarmProcessSettings()
        self._importable = get_importable()
        self._zygotes = ZygotePool(
            load_seconds=self._settings.load_seconds,
            max_idle=self._settings.max_idle_templates,
            importable=self._importable,
        )
        self._listening: anyio.CancelScope | None = None
        self._stack = AsyncExitStack()

    async def start(
        self,
        run_once: bool = False,  # noqa: FBT001, FBT002 - the base class has it so
        with_healthcheck: bool = False,  # noqa: FBT001, FBT002
        printer: Callable[..., None] = print,
    ) -> None:
        """Work until stopped, by SIGTERM or Ctrl-C; the second one ends the grace period of the running flow runs.

        Prefect's command makes SIGTERM an interrupt, which a process that was started in the background of a shell
        script ignores, and answers a second one by killing itself.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine, so a task runs it
        handled = []
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # not in the main thread
                loop.add_signal_handler(number, self._request_stop, task)
                handled.append(number)

        def say(*words: object) -> None:
            silence_broken_output()
            with suppress(BrokenPipeError):
                printer(*words)

        try:
            await super().start(run_once, with_healthcheck, say)
        finally:
            # What is still to be written is written when the interpreter ends.
            silence_broken_output()
            for number in handled:
                loop.remove_signal_handler(number)

    def _request_stop(self, task: asyncio.Task[Any]) -> None:
        if self._stopping:
            self.log.info("Stopping immediately: releasing the running flow runs.")
            if self._supervision is not None:
                self._supervision.skip_grace_period()
        else:
            self._stopping = True
            self.log.info(
                "Stopping: %s running flow runs have %g s to end.",
                0 if self._supervision is None else len(self._supervision.executing),
                self._settings.stop_grace_seconds,
            )
            task.cancel()

    async def setup(self) -> None:
        """Get ready: besides what every worker does, start the zygote and listen to the server."""
        self._folder = tempfile.TemporaryDirectory(prefix="warm-process-")
        await super().setup()
        self._tasks = await self._stack.enter_async_context(anyio.create_task_group())
        self._supervision = await self._stack.enter_async_context(
            Supervision(self.client, name=self.name, heartbeat_seconds=self._settings.heartbeat_seconds)
        )
        self._start_listening()

    async def teardown(self, *exc_info: Any) -> None:
        """Stop: take no more runs, let the running ones end within the grace period, release the others."""
        self._stopping = True
        if self._listening is not None:
            self._listening.cancel()
        while self.submitting:  # noqa: ASYNC110 - Prefect's own set, which notifies nobody
            await anyio.sleep(0.05)
        # Without an exception it is the end of `--run-once`, which waits for its runs.
        interrupted = bool(exc_info and exc_info[0])
        await self.supervision.stop(grace_seconds=self._settings.stop_grace_seconds if interrupted else None)
        try:
            self._tasks.cancel_scope.cancel()
            await self._stack.aclose()
        finally:
            try:
                await super().teardown(*exc_info)
            finally:
                await self._zygotes.close()
                self._folder.cleanup()

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        """Run one flow run in a child, forked if possible, and return how it ended."""
        assert isinstance(configuration, WarmProcessJobConfiguration)  # noqa: S101 - the class named above
        key = configuration.get_zygote_key(self._folder.name)
        if configuration.is_for_prefect:
            return await super().run(flow_run, configuration, task_status)
        with get_run_folder(configuration) as folder:
            if await self._can_fork(key, flow_run):
                start: Callable[[Task], Awaitable[Child]] = partial(self._zygotes.fork, key)
            else:
                start = partial(start_interpreter, key, importable=self._importable)
            result = await self.supervision.execute(
                flow_run,
                RunChildren(start, configuration, flow_run, folder),
                started=(task_status or anyio.TASK_STATUS_IGNORED).started,
            )
        if result is None:
            return ProcessWorkerResult(status_code=0, identifier="")
        return ProcessWorkerResult(status_code=result.status_code or 0, identifier=str(result.handle.pid))

    async def _can_fork(self, key: ZygoteKey, flow_run: FlowRun) -> bool:
        try:
            await self._zygotes.warm(key)
        except ZygoteUnusable as exc:
            self.get_flow_run_logger(flow_run).warning("Started without a zygote: %s.", exc)
            return False
        return True

    async def sync_with_backend(self) -> None:
        """Tell the server that the worker lives, and learn of its pool."""
        await super().sync_with_backend()
        # When the server could not be reached within `setup`.
        self._start_listening()

    def _start_listening(self) -> None:
        """Start the zygote for the pool's own environment, and listen to the pool's events; once."""
        if self._supervision is None or self._listening is not None:
            return
        try:
            pool = self.work_pool
        except RuntimeError:  # not known yet
            return
        self._listening = anyio.CancelScope()
        self._subscription = PoolSubscription(
            pool.id,
            self.queues,
            on_work=self._wake_to_poll,
            on_cancelling=self._supervision.cancel,
            on_connected=self._catch_up,
        )
        self._tasks.start_soon(self._listen, self._listening, self._subscription)

    async def _listen(self, scope: anyio.CancelScope, subscription: PoolSubscription) -> None:
        with scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._warm_up)
                tasks.start_soon(self._emit_worker_stats)
                tasks.start_soon(subscription.run)
                tasks.start_soon(self._poll_when_woken)

    async def _emit_worker_stats(self) -> None:
        started = datetime.now(UTC)
        # As in the events that Prefect's own workers emit.
        resource = {
            "prefect.resource.id": f"prefect.worker.{self.type}.{self.get_name_slug()}",
            "prefect.resource.name": self.name,
            "prefect.version": prefect.__version__,
            "prefect.worker-type": self.type,
        }
        while True:
            emit_worker_stats(
                resource,
                executing=len(self.supervision.executing),
                queues=self.queues,
                started=started,
            )
            await anyio.sleep(EVERY_SECONDS)

    async def _warm_up(self) -> None:
        try:
            configuration: WarmProcessJobConfiguration = await WarmProcessJobConfiguration.from_template_and_values(
                base_job_template=self.work_pool.base_job_template, values={}, client=self.client
            )
            settings = get_current_settings().to_environment_variables(exclude_unset=True)
            configuration.env = {**os.environ, **settings, **configuration.env}
            await self._zygotes.warm(configuration.get_zygote_key(self._folder.name))
        except ZygoteUnusable as exc:
            self.log.warning("Runs start without a zygote: %s.", exc)
        except Exception:
            self.log.exception("The zygote could not be prepared; the first run does it.")

    def _catch_up(self) -> None:
        """Look for what happened while no events came."""
        self._wake_to_poll()
        self._tasks.start_soon(self._cancel_requested)

    async def _cancel_requested(self) -> None:
        try:
            await self.supervision.cancel_requested()
        except Exception as exc:  # noqa: BLE001 - the edge of this task; polling looks for them too
            self.log.debug("Could not look for cancelled runs: %s", exc)

    async def label_run(self, flow_run_id: UUID) -> None:
        """Label the run while it starts, not before."""
        self._tasks.start_soon(self._label, flow_run_id)

    async def _label(self, flow_run_id: UUID) -> None:
        try:
            await super().label_run(flow_run_id)
        except Exception as exc:  # noqa: BLE001 - the edge of this task: a label is not worth the worker and its runs
            self.log.warning("Flow run %s is not labelled with its worker: %s", flow_run_id, exc or type(exc))
