"""What a forked child does: it becomes a process like any other, does its one task, and ends."""

import asyncio
import atexit
import ctypes
import importlib
import os
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import load_flow_from_flow_run
from prefect.utilities.engine import is_prefect_sigterm_handler_installed

from prefect_warm_process._prefect_compat import HookRunner
from prefect_warm_process.broken_pipes import silence_broken_output
from prefect_warm_process.messages import Task
from prefect_warm_process.numeric_threads import NumericThreads

#: prctl(2): the signal a process gets when its parent ends.
PR_SET_PDEATHSIG = 1
#: prctl(2): the name by which `ps` and `top` tell a run from its zygote.
PR_SET_NAME = 15
NAME = b"flow-run"
#: Loaded once, in the zygote.
_C = ctypes.CDLL(None)


def run_child(task: Task, *, zygote: int, numeric_threads: NumericThreads) -> NoReturn:
    """Do the task, and end this process with the status that Python would give."""
    status = 1
    try:
        _settle(task, zygote)
        numeric_threads.restore()
        TASKS[task.name](**task.arguments)
        status = 0
    except SystemExit as exc:
        status = _get_exit_status(exc)
    except BaseException:  # noqa: BLE001 - the edge of the process
        traceback.print_exc()
    finally:
        _end(status)


def run_engine(flow_run_id: str) -> None:
    """Run Prefect's own engine, as `python -m prefect.engine` does."""
    sys.argv = ["prefect.engine", flow_run_id]
    # The engine was loaded as a library; as a program it is loaded once more, which Python would warn of.
    sys.modules.pop("prefect.engine", None)
    runpy.run_module("prefect.engine", run_name="__main__")


def run_hooks(kind: str, flow_run: dict[str, Any], state: dict[str, Any]) -> None:
    """Run the hooks `on_cancellation` or `on_crashed` of a flow run's flow."""
    asyncio.run(_run_hooks(kind, FlowRun.model_validate(flow_run), State.model_validate(state)))


async def _run_hooks(kind: str, flow_run: FlowRun, state: State[Any]) -> None:
    runner = HookRunner(resolve_flow=lambda run: load_flow_from_flow_run(run, use_placeholder_flow=False))
    if kind == "cancellation":
        await runner.run_cancellation_hooks(flow_run, state)
    else:
        await runner.run_crashed_hooks(flow_run, state)


TASKS: dict[str, Callable[..., None]] = {task.__name__: task for task in (run_engine, run_hooks)}


def _settle(task: Task, zygote: int) -> None:
    # The zygote reports to the worker how its children end; one that nobody watches must not go on.
    if hasattr(_C, "prctl"):
        _C.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _C.prctl(PR_SET_NAME, NAME)
    if os.getppid() != zygote:
        os.kill(os.getpid(), signal.SIGKILL)
    silence_broken_output()
    if not task.output:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
            os.dup2(nowhere.fileno(), sys.stderr.fileno())
    os.environ.update(task.environment)
    os.chdir(task.folder)
    # As for a program started with `-m` in this folder.
    sys.path[0] = task.folder
    importlib.invalidate_caches()
    if "numpy.random" in sys.modules:
        # Python gives each child random numbers of its own, numpy does not.
        sys.modules["numpy.random"].seed()


def _get_exit_status(exc: SystemExit) -> int:
    if exc.code is None:
        return 0
    if isinstance(exc.code, int):
        return exc.code
    print(exc.code, file=sys.stderr)  # noqa: T201 - as Python does
    return 1


def _end(status: int) -> NoReturn:
    """End as Python does, but leave out taking the interpreter apart, which would copy every page it shares."""
    stopped = is_prefect_sigterm_handler_installed()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        if not stopped:
            # A run that was stopped does not wait for what its threads still do.
            threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - what Python itself calls here
        atexit._run_exitfuncs()  # noqa: SLF001 - the same; Prefect sends its last logs and events from there
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - the edge of the process
        traceback.print_exc()
    finally:
        os._exit(status & 0xFF)
