"""Flows that end in every way a flow can; run by both kinds of worker.

What they and their hooks did they write into the folder `SCENARIO_FOLDER`, one file for each run.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from prefect import flow, runtime, suspend_flow_run, task
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Completed

LONG = 60.0


def note(run_id: object, line: str) -> None:
    """Add a line to a run's file."""
    with Path(os.environ["SCENARIO_FOLDER"], str(run_id)).open("a") as file:
        file.write(line + "\n")


def note_hook(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """Note that a hook ran."""
    note(flow_run.id, f"hook {state.name}")


HOOKED: dict[str, Any] = {
    "on_cancellation": [note_hook],
    "on_crashed": [note_hook],
    "on_failure": [note_hook],
    "persist_result": False,
}


@flow(persist_result=False)
async def succeed() -> Any:
    """Succeed."""
    return Completed(message="all went well")


@flow(persist_result=False)
def succeed_sync() -> None:
    """Succeed without being asynchronous."""


@flow(**HOOKED)
async def fail() -> None:
    """Fail."""
    raise ValueError("nothing went well")


@flow(**HOOKED)
async def be_killed(number: int = signal.SIGKILL) -> None:
    """Be ended by a signal."""
    os.kill(os.getpid(), number)
    await asyncio.sleep(LONG)


@flow(**HOOKED)
async def leave(status: int = 3) -> None:
    """Leave without a word."""
    os._exit(status)


@flow(**HOOKED)
async def wait(seconds: float = LONG) -> None:
    """Wait, asynchronously."""
    note(runtime.flow_run.get_id(), f"started {time.time()}")
    await asyncio.sleep(seconds)
    note(runtime.flow_run.get_id(), f"ended {time.time()}")


@flow(persist_result=False)
def meet(meeting: str, number: int = 2) -> None:
    """Wait until as many runs as are meant to meet have come."""
    note(meeting, str(runtime.flow_run.get_id()))
    while len(set(Path(os.environ["SCENARIO_FOLDER"], meeting).read_text().splitlines())) < number:
        time.sleep(0.05)


@flow(**HOOKED)
def block(seconds: float = LONG) -> None:
    """Block."""
    note(runtime.flow_run.get_id(), "started")
    time.sleep(seconds)


@flow(timeout_seconds=0.5, **HOOKED)
async def time_out() -> None:
    """Take longer than allowed."""
    await asyncio.sleep(LONG)


@flow(retries=1, retry_delay_seconds=1, persist_result=False)
async def succeed_at_last() -> Any:
    """Fail the first time."""
    count = runtime.flow_run.get_run_count()
    note(runtime.flow_run.get_id(), f"attempt {count} in {os.getpid()}")
    if count == 1:
        raise ValueError("the first time")
    return Completed(message=f"attempt {count}")


@flow(retries=1, persist_result=False)
async def retry_and_wait(seconds: float = LONG) -> None:
    """Fail the first time, then wait."""
    count = runtime.flow_run.get_run_count()
    if count == 1:
        raise ValueError("the first time")
    note(runtime.flow_run.get_id(), f"started {count}")
    await asyncio.sleep(seconds)


@flow(persist_result=False, log_prints=True)
async def report_environment() -> Any:
    """Report what the environment says."""
    print("printed by the flow")  # noqa: T201 - its subject
    return Completed(message=f"FLAVOUR={os.environ.get('FLAVOUR')} in {Path.cwd().name or '/'}")


@flow(persist_result=False)
async def spoil() -> None:
    """Leave everything of the process in the worst state."""
    os.environ["FLAVOUR"] = "spoilt"
    sys.modules["warm_process_tests.scenarios"].__dict__["LONG"] = 0
    threading.Thread(target=time.sleep, args=(LONG,), daemon=True).start()
    for descriptor in range(3, 256):
        # Also the sockets that it inherited, if there were any; those of its own Prefect as well.
        try:
            socket.socket(fileno=os.dup(descriptor)).shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


@task
def double(number: int) -> int:
    """Double a number."""
    return 2 * number


@flow(persist_result=True)
async def suspend() -> Any:
    """Be suspended, and go on in another process."""
    note(runtime.flow_run.get_id(), f"in {os.getpid()}")
    suspended: Any = suspend_flow_run(timeout=600, key="once")  # in an asynchronous flow it is awaited
    await suspended
    return Completed(message=f"{double(21)}")
