"""The processes of the soak's worker: which there are, and what they hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.benchmarks.process_figures import Memory
from tests.integration.worker.workers import Worker
from tests.soak.flows import FOLDER

ZYGOTE = "prefect_warm_process.zygote"


@dataclass(frozen=True)
class Holdings:
    """What the worker and its zygote hold while no run is there."""

    worker_files: int
    worker_sockets: int
    worker_threads: int
    worker_memory: int
    zygote_files: int
    zygote_memory: int

    @classmethod
    def of(cls, worker: Worker) -> "Holdings":
        """Look."""
        process = psutil.Process(worker.pid)
        (zygote,) = zygotes(worker)
        return cls(
            worker_files=process.num_fds(),
            worker_sockets=len(process.net_connections(kind="all")),
            worker_threads=process.num_threads(),
            worker_memory=Memory.of(worker.pid).resident,
            zygote_files=zygote.num_fds(),
            zygote_memory=Memory.of(zygote.pid).resident,
        )


def lives(process: psutil.Process) -> bool:
    """Return whether a process is there, and not a zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def zygotes(worker: Worker) -> list[psutil.Process]:
    """Return the processes from which the worker forks, or did."""
    return [process for process in _children(psutil.Process(worker.pid)) if _is_zygote(process)]


def runs(worker: Worker) -> list[psutil.Process]:
    """Return the processes of the worker's runs."""
    return [process for zygote in zygotes(worker) for process in _children(zygote)]


def others(worker: Worker, folder: Path) -> list[str]:
    """Name what is there besides the worker and one zygote: below the worker, or left behind by a run of the soak."""
    expected = {worker.pid, *[zygote.pid for zygote in zygotes(worker)[:1]]}
    found = {process.pid: process for process in [*worker.processes(), *marked(folder)] if process.pid not in expected}
    return [_described(process) for process in found.values()]


def marked(folder: Path) -> Iterator[psutil.Process]:
    """Return every process that the worker has started, and the worker: they have the soak's variable."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(FOLDER) == str(folder):
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [child for child in process.children() if lives(child)]
    except psutil.NoSuchProcess:
        return []


def _is_zygote(process: psutil.Process) -> bool:
    try:
        return ZYGOTE in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def _described(process: psutil.Process) -> str:
    try:
        with process.oneshot():
            return f"{process.pid} ({process.status()}, below {process.ppid()}): {' '.join(process.cmdline())[:120]}"
    except psutil.NoSuchProcess:
        return f"{process.pid}, which has just ended"
