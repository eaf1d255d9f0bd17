"""One run while it is executed: its process, the processes of its hooks, and how they end."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import anyio
import anyio.abc
from prefect.client.schemas.objects import FlowRun, State

from prefect_warm_process._prefect_compat import (
    AttemptConclusion,
    ControlChannel,
    ProcessHandle,
    ProcessManager,
    create_isolated_termination_scope,
)

logger = logging.getLogger("prefect.worker.warm_process")


class Child(Protocol):
    """A process of a run: the leader of a group, in which is also what it has started."""

    @property
    def pid(self) -> int:
        """Its number."""

    async def wait(self) -> int:
        """Wait for its end; return its exit status or, below zero, the signal that ended it."""


class Children(Protocol):
    """Starts the children of one run."""

    async def engine(self, environment: dict[str, str]) -> Child:
        """Start the child that runs the flow, with some more variables."""

    async def hooks(self, kind: str, state: State[Any]) -> Child:
        """Start a child that runs the flow's hooks of a kind."""


class ProcessGroups(ProcessManager):
    """Ends children, with all that they have started, as soon as they go instead of at the next look.

    Prefect's own looks every three seconds whether a process has gone.
    """

    async def kill(self, flow_run_id: UUID, grace_seconds: float = 30, *, force: bool = False) -> None:
        """Signal a run's process to end, and kill it when it does not within the grace."""
        handle = self.get(flow_run_id)
        if handle is None:
            return
        child: Any = handle.raw_process  # a Child: only ours are added
        if not force:
            with suppress(ProcessLookupError):
                handle.graceful_kill()
            with anyio.move_on_after(grace_seconds):
                await child.wait()
        with suppress(ProcessLookupError):
            handle.hard_kill()
        await child.wait()


@dataclass(eq=False)
class Execution:
    """One run while it is executed."""

    flow_run: FlowRun
    children: Children
    began: float = field(default_factory=time.monotonic)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    #: While it is being cancelled: what is set when that has come to its end.
    settled: anyio.Event | None = None
    #: What its engine reported of its end, or what it was to leave to the worker.
    conclusion: AttemptConclusion | None = None


class Starter:
    """Starts the process of a run, as Prefect's executor wants it."""

    def __init__(self, children: Children, channel: ControlChannel) -> None:
        """Take what starts the run's children, and the channel through which it can be signalled."""
        self._children = children
        self._channel = channel

    async def start(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Start the child and wait for its end."""
        environment = {"PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false"}
        with suppress(RuntimeError):
            # Without a channel a run can still be ended, only less gently.
            port, token = self._channel.register(flow_run.id)
            environment |= {"PREFECT__CONTROL_PORT": str(port), "PREFECT__CONTROL_TOKEN": token}
        try:
            child = await self._children.engine(environment)
        except BaseException:
            self._channel.unregister(flow_run.id)
            raise
        process: Any = child  # stands in for the process that Prefect would have started
        task_status.started(ProcessHandle(process, create_isolated_termination_scope(child.pid)))
        await child.wait()


class Hooks:
    """Runs the hooks of a run in a child of their own."""

    def __init__(self, get_execution: Callable[[UUID], Execution | None]) -> None:
        """`get_execution` returns a run that is executed here, by its id."""
        self._get_execution = get_execution

    async def run_cancellation_hooks(self, flow_run: FlowRun, state: State[Any]) -> None:
        """Run the hooks `on_cancellation`."""
        await self._run("cancellation", flow_run, state)

    async def run_crashed_hooks(self, flow_run: FlowRun, state: State[Any]) -> None:
        """Run the hooks `on_crashed`."""
        await self._run("crashed", flow_run, state)

    async def _run(self, kind: str, flow_run: FlowRun, state: State[Any]) -> None:
        execution = self._get_execution(flow_run.id)
        if execution is None:
            return
        try:
            child = await execution.children.hooks(kind, state)
            status = await child.wait()
        except Exception:
            logger.exception("The hooks of flow run '%s' could not be run.", flow_run.name)
        else:
            if status:
                logger.error("The hooks of flow run '%s' ended with status %s.", flow_run.name, status)
