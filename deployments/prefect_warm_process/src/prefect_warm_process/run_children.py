"""Starts the children of one run: one for its flow, and one for each kind of hook."""

import stat
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import FlowRun, State

from prefect_warm_process.execution import Child
from prefect_warm_process.job_configuration import WarmProcessJobConfiguration
from prefect_warm_process.messages import Task
from prefect_warm_process.zygote_key import get_run_variables


class RunChildren:
    """Starts the children of one run."""

    def __init__(
        self,
        start: Callable[[Task], Awaitable[Child]],
        configuration: WarmProcessJobConfiguration,
        flow_run: FlowRun,
        folder: str,
    ) -> None:
        """Take the run, what starts a child for a task of it, and its folder."""
        self._start = start
        self._flow_run = flow_run
        self._variables = get_run_variables(configuration.env)
        self._folder = folder
        self._output = configuration.stream_output

    async def engine(self, environment: dict[str, str]) -> Child:
        """Start the child that runs the flow, with some more variables."""
        return await self._start_task("run_engine", {"flow_run_id": str(self._flow_run.id)}, environment)

    async def hooks(self, kind: str, state: State[Any]) -> Child:
        """Start a child that runs the flow's hooks of a kind."""
        arguments = {
            "kind": kind,
            "flow_run": self._flow_run.model_dump(mode="json"),
            "state": state.model_dump(mode="json"),
        }
        return await self._start_task("run_hooks", arguments, {})

    async def _start_task(self, task: str, arguments: dict[str, Any], environment: dict[str, str]) -> Child:
        return await self._start(
            Task(
                name=task,
                arguments=arguments,
                environment={**self._variables, **environment},
                folder=self._folder,
                output=self._output,
            )
        )


def get_run_folder(configuration: WarmProcessJobConfiguration) -> AbstractContextManager[str]:
    """Return the run's own folder, or a new one that goes with the run. Raises `NotADirectoryError`."""
    if configuration.working_dir is not None:
        folder = Path(configuration.working_dir).resolve()
        if not folder.is_dir():
            raise NotADirectoryError(f"The working directory {folder} does not exist.")
        return nullcontext(str(folder))
    return tempfile.TemporaryDirectory(suffix="prefect")


def get_importable() -> list[str]:
    """Return the folders of which runs can import the modules, besides what is installed: where the worker is started.

    Not a folder in which anybody may write: whoever does would have his module loaded.
    """
    try:
        folder = Path.cwd()
        return [] if folder.stat().st_mode & stat.S_IWOTH else [str(folder)]
    except OSError:  # it was deleted
        return []
