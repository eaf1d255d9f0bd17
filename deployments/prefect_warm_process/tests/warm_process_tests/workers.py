"""A worker as a person starts it, and what Prefect knows of its runs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State

#: What the processes of runs need in their path: the folder of this package.
ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60.0


def until(what: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS, every: float = 0.05) -> Any:
    """Ask again until the answer is true, and give it; fails when it takes too long."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        time.sleep(every)
    return answer


class Worker:
    """`prefect worker start` in a process."""

    def __init__(
        self,
        pool: str,
        kind: str,
        *options: str,
        environment: Mapping[str, str],
        log: Path,
        folder: Path | None = None,
    ) -> None:
        """Nothing is started yet. `folder` is where it is to be started."""
        self._folder = folder
        # Like the command `prefect`, it does not load its own modules from where it is started (-P).
        command = [sys.executable, "-P", "-m", "prefect", "worker", "start", "--pool", pool, "--type", kind]
        self._command = [*command, *options]
        self._environment = {
            "PYTHONPATH": str(ROOT),
            **environment,
            # The stock worker knows no other way to learn of a run; the warm one gets events.
            **({"PREFECT_WORKER_QUERY_SECONDS": "1"} if kind == "process" else {}),
        }
        self.has_zygotes = kind == "warm-process"
        self.log = log

    def __enter__(self) -> Self:
        """Start it, and wait until it works."""
        self._began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        until(lambda: self._process.poll() is not None or "started!" in self.said())
        assert self._process.poll() is None, self.said()
        return self

    def run_to_its_end(self) -> subprocess.CompletedProcess[str]:
        """Run it with what is printed and what is logged apart, until it ends by itself."""
        return subprocess.run(
            self._command,
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def start_for_a_hasty_reader(self) -> subprocess.Popen[str]:
        """Start it as with `| head -1`: what it prints is read until its first line."""
        with self.log.open("w") as log:
            process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        return process

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it the hard way, if it still runs, with all that it has started."""
        left = self.processes()
        if self._process.poll() is None:
            self._process.kill()
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait(timeout=30)

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def said(self) -> str:
        """Return its log since the start."""
        return self.log.read_text(errors="replace")[self._began :]

    def processes(self) -> list[psutil.Process]:
        """Return the processes below it."""
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def zygotes(self) -> list[psutil.Process]:
        """Return the processes from which it forks."""
        return psutil.Process(self.pid).children() if self.has_zygotes else []

    def zygote(self) -> psutil.Process:
        """Wait until there is one of them, and give it."""
        until(lambda: "Zygote ready" in self.said())
        process = until(lambda: next(iter(self.zygotes()), None))
        assert isinstance(process, psutil.Process)
        return process

    def is_idle(self) -> bool:
        """Return whether nothing runs below it."""
        return len(self.processes()) == len(self.zygotes())

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Signal it to stop."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = 60) -> int:
        """Wait for its end and give its exit status."""
        return self._process.wait(timeout=seconds)


def create_queue(client: SyncPrefectClient, pool: str, name: str, priority: int, *, limit: int | None = 1) -> None:
    """Make a queue of a pool."""
    body = {"name": name, "priority": priority, "concurrency_limit": limit}
    client.request("POST", "/work_pools/{work_pool_name}/queues", path_params={"work_pool_name": pool}, json=body)


class Runs:
    """Runs of the scenarios, made and watched through Prefect's API."""

    def __init__(self, client: SyncPrefectClient, deployments: Mapping[str, UUID], folder: Path) -> None:
        """`deployments` by the flow's function name; `folder` is where flows and hooks make notes."""
        self.client = client
        self.deployments = dict(deployments)
        self._folder = folder

    def make(self, scenario: str, *, queue: str | None = None, state: State[Any] | None = None, **options: Any) -> UUID:
        """Ask for a run; `options` are its parameters, but for `job_variables`."""
        variables = options.pop("job_variables", None)
        run = self.client.create_flow_run_from_deployment(
            self.deployments[scenario],
            parameters=options,
            job_variables=variables,
            work_queue_name=queue,
            state=state,
        )
        return run.id

    def read(self, run_id: UUID) -> FlowRun:
        """Return what the server knows of a run."""
        return self.client.read_flow_run(run_id)

    def ended(self, run_id: UUID, *, seconds: float = PATIENCE_SECONDS) -> FlowRun:
        """Wait until a run has ended."""
        run = until(lambda: run if (run := self.read(run_id)).state and run.state.is_final() else None, seconds=seconds)
        assert isinstance(run, FlowRun)
        return run

    def running(self, run_id: UUID) -> FlowRun:
        """Wait until a run's own code runs."""
        until(lambda: any(line.startswith("started") for line in self.notes(run_id)))
        return self.read(run_id)

    def notes(self, run_id: UUID) -> list[str]:
        """Return what a run and its hooks have noted."""
        file = self._folder / str(run_id)
        return file.read_text().splitlines() if file.exists() else []

    def hooks(self, run_id: UUID) -> list[str]:
        """Return the hooks that ran."""
        return [line for line in self.notes(run_id) if line.startswith("hook")]

    def logs(self, run_id: UUID) -> str:
        """Return what the server has of a run's log."""
        from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId  # noqa: PLC0415 - used here only

        found = self.client.read_logs(log_filter=LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id])))
        return "\n".join(log.message for log in found)

    def set_state(self, run_id: UUID, state: State[Any]) -> None:
        """Ask for another state, as the UI does."""
        self.client.set_flow_run_state(run_id, state)
