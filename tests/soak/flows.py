"""The flow that the soak runs: short, and now and then with a bad end.

While it runs it holds a lock file named after its run, `lock-ID`, that tells its process. Should the same run be at
work twice at once, the second one leaves a file `twice-ID`.
"""

import asyncio
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from prefect import flow, runtime

#: The environment variable that names the folder of the lock files. Every process of the soak's worker has it.
FOLDER = "SOAK_FOLDER"
#: How long what a run leaves behind lives on: longer than the run.
LEFT_SECONDS = 2.0
LOCK, TWICE = "lock-", "twice-"
#: Seconds by which two readings of the time when a process began may differ.
CLOCK_SECONDS = 5.0
LEAKED: list[object] = []


def complete() -> None:
    """End well."""


def fail() -> None:
    """End as failed."""
    raise ValueError("it was to fail")


def leave() -> None:
    """End without a word."""
    os._exit(3)


def die() -> None:
    """End by a signal that cannot be caught."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave_process() -> None:
    """Leave a process behind."""
    subprocess.Popen(["sleep", str(LEFT_SECONDS)])


def leak() -> None:
    """Leave a file open, a thread that goes on a while, and one that never ends."""
    LEAKED.append(Path(os.devnull).open())  # noqa: SIM115 - its subject
    threading.Thread(target=time.sleep, args=(LEFT_SECONDS,)).start()
    threading.Thread(target=threading.Event().wait, daemon=True).start()


ENDINGS: dict[str, Callable[[], None]] = {
    ending.__name__: ending for ending in (complete, fail, leave, die, leave_process, leak)
}


@flow(persist_result=False)
async def live(seconds: float, ending: str) -> None:
    """Take a while and end in a way."""
    with alone(Path(os.environ[FOLDER]), str(runtime.flow_run.get_id())):
        await asyncio.sleep(seconds)
        ENDINGS[ending]()


@contextmanager
def alone(folder: Path, run_id: str) -> Iterator[None]:
    """Hold the lock file of a run, and leave word when another process holds it."""
    lock = folder / (LOCK + run_id)
    try:
        held = lock.open("x")
    except FileExistsError:
        if holder_lives(lock):
            (folder / (TWICE + run_id)).touch()
        held = lock.open("w")
    with held:
        held.write(f"{os.getpid()} {psutil.Process().create_time()}\n")
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def holder(lock: Path) -> psutil.Process | None:
    """Return the process that holds a lock file; None when it has ended, or has not said who it is."""
    try:
        pid, _, began = lock.read_text().strip().partition(" ")
        process = psutil.Process(int(pid))
        same = abs(process.create_time() - float(began)) < CLOCK_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None


def holder_lives(lock: Path) -> bool:
    """Return whether a lock file is held. One that does not say by whom is: it was made a moment ago."""
    return holder(lock) is not None or (lock.exists() and not lock.read_text())
