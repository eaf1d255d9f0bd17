"""A template: a process that has everything loaded and forks a child for each order of the worker.

It has one thread and no connection, so that a fork copies nothing that two processes must not share. It is a program of
its own (`python -m prefect_warm_process.zygote`), because the worker itself has threads and connections.
"""

import argparse
import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel

from prefect_warm_process.messages import (
    PROTOCOL_VERSION,
    Ended,
    Message,
    Order,
    Ready,
    Refused,
    Stale,
    Started,
    decode,
    encode,
)

#: Modules that every flow run needs, among them those that Prefect loads only when a run needs them.
ENGINE = (
    "prefect.main",
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.artifacts",
    "prefect.runtime",
    "prefect._internal.observers",
    "anyio._backends._asyncio",
    "encodings.idna",
    "stringprep",
    "pydantic.v1",
    "rich._emoji_codes",
    "prefect_warm_process.child",
)
#: Where the models are that nearly every run uses.
BUILT_AHEAD = ("prefect.client.", "prefect.events.")
#: Seconds for which a look at the loaded files counts.
FRESH_SECONDS = 1.0
RECEIVE_BYTES = 65536
#: The signals that end a process; they are the children's business.
ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def preload(names: Iterable[str]) -> list[str]:
    """Load modules, and call functions given as `module:function`. Give what failed, one sentence each."""
    failed = []
    for name in names:
        module, _, function = name.partition(":")
        try:
            loaded = importlib.import_module(module)
            if function:
                getattr(loaded, function)()
        except Exception as exc:  # noqa: BLE001 - foreign code; a run that needs it will fail with the whole story
            failed.append(f"{name}: {type(exc).__name__}: {exc}")
    return failed


def complete_models() -> None:
    """Build the models of Prefect's client, which pydantic otherwise builds in each run that uses them."""
    kinds: list[type[BaseModel]] = [BaseModel]
    while kinds:
        kind = kinds.pop()
        kinds.extend(kind.__subclasses__())
        if kind.__module__.startswith(BUILT_AHEAD) and not kind.__pydantic_complete__:
            kind.model_rebuild(raise_errors=False)


class LoadedFiles:
    """The files from which everything was loaded, and whether they are still the same."""

    def __init__(self) -> None:
        """Note every module's file as it is now."""
        self._marks = {path: _mark(path) for path in _files()}
        self._looked_at = time.monotonic()

    def changed(self) -> bool:
        """Return whether any was changed or deleted; what was seen within the last second counts."""
        if time.monotonic() - self._looked_at < FRESH_SECONDS:
            return False
        self._looked_at = time.monotonic()
        return any(_mark(path) != mark for path, mark in self._marks.items())


def _files() -> set[str]:
    # A copy: a module's lazy attributes may load others.
    modules = list(sys.modules.values())
    return {path for module in modules if (path := getattr(module, "__file__", None))}


def _mark(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of files; `Path.stat` takes three times as long
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


class Template:
    """Forks children and tells the worker how they end."""

    def __init__(self, connection: socket.socket) -> None:
        """Take the socket to the worker."""
        self._connection = connection
        self._numbers: dict[int, int] = {}
        self._files = LoadedFiles()
        self._unread = b""
        self._connected = True

    def run(self) -> None:
        """Serve until the worker is gone and the last child has ended."""
        wake_up, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._own = (wake_up, woken, self._connection.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        for ending in ENDING:
            signal.signal(ending, signal.SIG_IGN)
        gc.collect()
        # Objects that the collector leaves alone stay on pages that children share.
        gc.freeze()
        with selectors.DefaultSelector() as selector:
            self._selector = selector
            selector.register(self._connection, selectors.EVENT_READ)
            selector.register(wake_up, selectors.EVENT_READ)
            while self._connected or self._numbers:
                for key, _ in selector.select():
                    if key.fileobj is self._connection:
                        self._receive()
                    else:
                        with contextlib.suppress(BlockingIOError):
                            os.read(wake_up, RECEIVE_BYTES)
                self._reap()

    def _receive(self) -> None:
        try:
            received = self._connection.recv(RECEIVE_BYTES)
        except ConnectionError:
            received = b""
        if not received:
            # The worker is gone. Its runs go on, as they do with Prefect's own worker.
            self._connected = False
            self._selector.unregister(self._connection)
            return
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            self._take(decode(line))

    def _take(self, order: Order) -> None:
        if self._files.changed():
            self._tell(Stale(number=order.number))
            return
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal that comes before the child has its own handlers waits for them.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        pid = os.fork()
        if pid == 0:
            try:
                self._become_child(order)
            finally:
                os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        with contextlib.suppress(OSError):
            # By both, so that the group is there whoever comes first.
            os.setpgid(pid, pid)
        self._numbers[pid] = order.number
        self._tell(Started(number=order.number, pid=pid))

    def _become_child(self, order: Order) -> None:
        from prefect_warm_process import child  # noqa: PLC0415

        template = os.getppid()
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for ending in ENDING - {signal.SIGINT}:
            signal.signal(ending, signal.SIG_DFL)
        self._selector.close()
        for descriptor in self._own:
            os.close(descriptor)
        self._connection.detach()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        child.live(order.task, template=template)

    def _reap(self) -> None:
        while self._numbers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            number = self._numbers.pop(pid, None)
            if number is not None:
                self._tell(Ended(number=number, status=os.waitstatus_to_exitcode(status)))

    def _tell(self, message: Message) -> None:
        if self._connected:
            with contextlib.suppress(ConnectionError):
                self._connection.sendall(encode(message))


def unsafe_to_fork(*, allowed: Iterable[int] = ()) -> str:
    """Say what of this process two processes must not share; empty when there is nothing. Linux only."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        return f"what was preloaded started {threads - 1} threads"
    shared = {str(descriptor) for descriptor in (0, 1, 2, *allowed)}
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them is gone
            if descriptor.name not in shared and str(descriptor.readlink()).startswith("socket:"):
                return "what was preloaded opened a connection"
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Load what the command line names and serve the worker at the given socket."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m prefect_warm_process.zygote")
    parser.add_argument("descriptor", type=int, help="number of the socket to the worker")
    parser.add_argument("dialect", help="`messages.PROTOCOL_VERSION` of the worker")
    parser.add_argument("preload", nargs="*", help="a module, or `module:function` to call")
    options = parser.parse_args(arguments)
    os.set_inheritable(options.descriptor, False)  # noqa: FBT003 - its only parameter
    with socket.socket(fileno=options.descriptor) as connection:
        missing = preload(ENGINE)
        complete_models()
        failed = preload(options.preload)
        if options.dialect != PROTOCOL_VERSION:
            missing.append("the worker's own code has changed on disk; start it anew")
        reason = "; ".join(missing) or unsafe_to_fork(allowed=[options.descriptor])
        if reason:
            connection.sendall(encode(Refused(reason=reason)))
            return 1
        template = Template(connection)
        connection.sendall(
            encode(Ready(modules=len(sys.modules), seconds=round(time.monotonic() - began, 3), failed=failed))
        )
        template.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
