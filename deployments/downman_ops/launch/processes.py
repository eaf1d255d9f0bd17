"""The processes of a demo, held together by honcho: when one ends, all end."""

import contextlib
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
from honcho.manager import Manager
from honcho.printer import Printer

from downman_ops.launch.demo_environment import Demo
from downman_ops.launch.ports import HOST

#: Requests that one process of the site handles concurrently.
SITE_THREADS = 8
SITE_PROCESSES = 2
WORKER = "worker"
#: Seconds that the worker gets to return its runs to the queue, before everything else is stopped.
WORKER_STOP_SECONDS = 4.0
#: Seconds after which a signal that came too early is given again.
EARLY_SIGNAL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """One process: its name, what it is called in sentences, and its command."""

    name: str
    title: str
    command: Sequence[str]


def get_processes(demo: Demo) -> list[ProcessSpec]:
    """Return the processes of a demo in the order in which they are started."""
    python = sys.executable
    root = str(demo.home.root)
    site = [
        "gunicorn", "downman_site.wsgi:application", f"--bind={HOST}:{demo.port}", "--worker-class=gthread",
        f"--threads={SITE_THREADS}", f"--workers={SITE_PROCESSES}", "--graceful-timeout=3", "--log-level=warning",
        "--logger-class=downman_ops.launch.gunicorn_log.Logger",
    ]  # fmt: skip
    return [
        ProcessSpec(
            name="prefect",
            title="Prefect's server",
            command=[
                python, "-m", "prefect", "server", "start", f"--host={HOST}", f"--port={demo.prefect_port}",
            ],
        ),
        ProcessSpec(name=WORKER, title="The worker", command=[python, "-m", "downman_ops.launch.demo_worker"]),
        ProcessSpec(name="site", title="The site", command=[python, "-m", *site]),
        ProcessSpec(
            name="mail",
            title="The mail sink",
            command=[python, "-m", "downman_ops.launch.mail_sink", str(demo.smtp_port), str(demo.home.mail)],
        ),
        ProcessSpec(
            name="watchdog",
            title="The watchdog",
            command=[python, "-m", "downman_ops.launch.watchdog", str(os.getpid()), root],
        ),
    ]  # fmt: skip


class Processes(Manager):  # type: ignore[misc]
    """honcho's manager, told when all have started and knowing which one ended first."""

    def __init__(self, log: IO[str], *, started: Callable[[], None]) -> None:
        """`started` is called once, when every process has been started; honcho's own words go to `log`."""
        super().__init__(Printer(log))
        self._started = started
        #: The process that ended first, if any ended before all were told to.
        self.ended_first: str | None = None

    def add(self, spec: ProcessSpec, *, env: dict[str, str], log: Path) -> None:
        """Add a process whose output goes to the file `log`, the last run's being kept beside it."""
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        # Not through honcho's pipe: any grandchild that outlives its parent would keep honcho waiting.
        command = f"exec {shlex.join(spec.command)} >> {shlex.quote(str(log))} 2>&1"
        self.add_process(spec.name, command, env=env)

    def _start(self) -> None:
        super()._start()
        self._started()

    def terminate(self) -> None:
        """End all processes. honcho calls this for signals and when a process has ended."""
        if not self._all_started():
            # honcho does not know their numbers yet; it would fail, and they would live on.
            again = threading.Timer(EARLY_SIGNAL_SECONDS, os.kill, (os.getpid(), signal.SIGTERM))
            again.daemon = True
            again.start()
            return
        if not self._terminating and self._any_stopped():
            self.ended_first = next(
                (name for name, known in self._processes.items() if known.get("returncode") is not None), None
            )
        if not self._terminating and self.ended_first is None:
            self._stop_worker()
        super().terminate()

    def _stop_worker(self) -> None:
        """Stop the worker while Prefect's server is there to be told how its runs ended."""
        with contextlib.suppress(psutil.Error):
            worker = psutil.Process(self._processes[WORKER]["pid"])
            worker.terminate()
            worker.wait(timeout=WORKER_STOP_SECONDS)
