"""A zygote: a process that has everything loaded and forks a child for each request of the worker.

It has one thread and no connection, so that a fork copies nothing that two processes must not share. It is a program of
its own (`python -m prefect_warm_process.zygote`), because the worker itself has threads and connections.
"""

import argparse
import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence

from prefect_warm_process.loaded_files import LoadedFiles
from prefect_warm_process.messages import (
    PROTOCOL_VERSION,
    Ended,
    ForkRequest,
    Message,
    Ready,
    Refused,
    Stale,
    Started,
    decode,
    encode,
)
from prefect_warm_process.numeric_threads import NumericThreads, one_thread
from prefect_warm_process.preloading import ENGINE, Preloading, complete_models

RECEIVE_BYTES = 65536
#: The signals that end a process; they are the children's business.
ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class Zygote:
    """Forks children and reports to the worker how they end."""

    def __init__(self, connection: socket.socket, numeric_threads: NumericThreads) -> None:
        """Take the socket to the worker."""
        self._connection = connection
        self._numeric_threads = numeric_threads
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
            self._handle(decode(line))

    def _handle(self, request: ForkRequest) -> None:
        if self._files.changed():
            self._send(Stale(number=request.number))
            return
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal that comes before the child has its own handlers waits for them.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        pid = os.fork()
        if pid == 0:
            try:
                self._become_child(request)
            finally:
                os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        with contextlib.suppress(OSError):
            # By both, so that the group is there whoever comes first.
            os.setpgid(pid, pid)
        self._numbers[pid] = request.number
        self._send(Started(number=request.number, pid=pid))

    def _become_child(self, request: ForkRequest) -> None:
        from prefect_warm_process import child  # noqa: PLC0415

        zygote = os.getppid()
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
        child.run_child(request.task, zygote=zygote, numeric_threads=self._numeric_threads)

    def _reap(self) -> None:
        while self._numbers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            number = self._numbers.pop(pid, None)
            if number is not None:
                self._send(Ended(number=number, status=os.waitstatus_to_exitcode(status)))

    def _send(self, message: Message) -> None:
        if self._connected:
            with contextlib.suppress(ConnectionError):
                self._connection.sendall(encode(message))


def main(arguments: Sequence[str] | None = None) -> int:
    """Load what the command line names, and serve the worker at the given socket."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(prog="python -m prefect_warm_process.zygote")
    parser.add_argument("descriptor", type=int, help="number of the socket to the worker")
    parser.add_argument("protocol_version", help="`messages.PROTOCOL_VERSION` of the worker")
    parser.add_argument("--importable", action="append", default=[], help="a folder from which modules are loaded")
    parser.add_argument("preload", nargs="*", help="a module, or `module:function` to call")
    options = parser.parse_args(arguments)
    os.set_inheritable(options.descriptor, False)  # noqa: FBT003 - its only parameter
    with socket.socket(fileno=options.descriptor) as connection:
        preloading = Preloading()
        # At the end: installed packages come first, as those of a run's own folder do.
        sys.path += options.importable
        with one_thread():
            missing = preloading.load(ENGINE)
            complete_models()
            failed = preloading.load(options.preload)
        if options.protocol_version != PROTOCOL_VERSION:
            missing.append("the worker's own code has changed on disk; start it anew")
        reason = "; ".join(missing) or preloading.unsafe_to_fork()
        seconds = round(time.monotonic() - began, 3)
        with contextlib.suppress(ConnectionError):  # the worker has gone meanwhile
            if reason:
                connection.sendall(encode(Refused(reason=reason)))
                return 1
            zygote = Zygote(connection, NumericThreads())
            connection.sendall(encode(Ready(modules=len(sys.modules), seconds=seconds, failed=failed)))
            zygote.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
