"""The child of a run that cannot be forked: an interpreter of its own, which loads everything itself.

Like a forked one it finds the modules where the worker was started last. `PYTHONPATH` could not say so: its folders
come before Python's own modules, and no name of a folder may contain a colon. And it gets its task at its standard
input, so that no parameter is seen in the list of processes.
"""

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence

from prefect_warm_process.messages import Task, decode_task, encode_task
from prefect_warm_process.zygote_key import ZygoteKey


async def start_interpreter(key: ZygoteKey, task: Task, *, importable: Sequence[str]) -> Process:
    """Start a child for a task. `importable` are folders whose modules can be loaded."""
    output = None if task.output else DEVNULL
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, *importable,
        env={**dict(key.environment), **task.environment}, cwd=task.folder,
        stdin=PIPE, stdout=output, stderr=output,
        # It is ended with all that it has started; and Ctrl-C at the terminal is the worker's to handle.
        start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    with contextlib.suppress(ConnectionError):  # it has ended already
        process.stdin.write(encode_task(task))
        await process.stdin.drain()
    process.stdin.close()
    return process


def main() -> None:
    """Do the task at the standard input; the command line names the folders with modules."""
    sys.path += sys.argv[1:]
    task = decode_task(sys.stdin.buffer.read())
    # What is slow to load comes after that: the worker waits until the task is read.
    from prefect_warm_process.child import TASKS  # noqa: PLC0415

    TASKS[task.name](**task.arguments)


if __name__ == "__main__":
    main()
