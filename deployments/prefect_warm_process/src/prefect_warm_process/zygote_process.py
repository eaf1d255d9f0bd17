"""A zygote and its children, as the worker sees them."""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import sys
from collections.abc import Sequence

from prefect_warm_process.messages import (
    PROTOCOL_VERSION,
    Ended,
    ForkRequest,
    Ready,
    Refused,
    Stale,
    Started,
    Task,
    decode,
    encode,
)
from prefect_warm_process.zygote_key import ZygoteKey

#: Longest message, in bytes; a request holds a run's variables.
MAX_MESSAGE = 8 * 1024 * 1024


class ZygoteUnusable(Exception):
    """Nothing can be forked from this zygote: it could not be started, refused to fork, or died."""


class ForkedProcess:
    """A child of a zygote, as the worker sees it."""

    def __init__(self, pid: int) -> None:
        """It lives."""
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        """Wait for its end; return its exit status or, below zero, the signal that ended it."""
        await self._ended.wait()
        assert self.returncode is not None  # noqa: S101 - set before the event
        return self.returncode

    def end(self, status: int) -> None:
        """Note how it ended."""
        self.returncode = status
        self._ended.set()


class ZygoteProcess:
    """One zygote, as the worker sees it."""

    def __init__(self, key: ZygoteKey, *, load_seconds: float, importable: Sequence[str] = ()) -> None:
        """Nothing is started yet. `importable` are folders whose modules can be loaded."""
        self.key = key
        self._importable = importable
        self._load_seconds = load_seconds
        self.children: dict[int, ForkedProcess] = {}
        self.alive = False
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[ForkedProcess | None]] = {}

    async def start(self) -> Ready:
        """Start it and wait until everything is loaded. Raises `ZygoteUnusable`."""
        ours, theirs = socket.socketpair()
        importable = [f"--importable={folder}" for folder in self._importable]
        try:
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", f"{__package__}.zygote", *importable, str(theirs.fileno()), PROTOCOL_VERSION,
                    *self.key.preload,
                    env=dict(self.key.environment), cwd=self.key.folder, pass_fds=[theirs.fileno()],
                    stdin=asyncio.subprocess.DEVNULL,
                    # Ctrl-C at the terminal is the worker's to handle.
                    start_new_session=True,
                )  # fmt: skip
        except OSError as exc:
            ours.close()
            raise ZygoteUnusable(f"it could not be started in {self.key.folder!r}: {exc.strerror}") from exc
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_MESSAGE)
        try:
            async with asyncio.timeout(self._load_seconds):
                first = decode(await self._reader.readline())
        except asyncio.CancelledError:
            # The worker stops, and nothing waits for it any more.
            self._kill()
            self._writer.close()
            raise
        except TimeoutError as exc:
            self._kill()
            await self.close()
            raise ZygoteUnusable(f"it had not loaded everything within {self._load_seconds:g} s") from exc
        except (ValueError, ConnectionError) as exc:
            await self.close()
            raise ZygoteUnusable(f"its process ended with status {self._process.returncode} while loading") from exc
        if isinstance(first, Refused):
            # It would wait for the threads and processes for which it was refused.
            self._kill()
            await self.close()
            raise ZygoteUnusable(first.reason)
        assert isinstance(first, Ready)  # noqa: S101 - the only other first word
        self.alive = True
        self._listening = asyncio.create_task(self._listen())
        return first

    def _kill(self) -> None:
        """End it with all that was started while it loaded."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def fork(self, task: Task) -> ForkedProcess | None:
        """Have a child forked. None: the code on disk has changed. Raises `ZygoteUnusable`."""
        if not self.alive:
            raise ZygoteUnusable("its process has ended")
        request = ForkRequest(number=next(self._numbers), task=task)
        answer: asyncio.Future[ForkedProcess | None] = asyncio.get_running_loop().create_future()
        self._waiting[request.number] = answer
        with contextlib.suppress(ConnectionError):
            self._writer.write(encode(request))
            await self._writer.drain()
        return await answer

    async def close(self) -> None:
        """Close the connection: it ends when its last child has."""
        self.alive = False
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        if not self.children:
            await self._process.wait()

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await self._reader.readline():
                self._handle(decode(line))
        self.alive = False
        for answer in self._waiting.values():
            answer.set_exception(ZygoteUnusable("its process has ended"))
        self._waiting.clear()
        for child in self.children.values():
            # They end with it; this is for a system that cannot promise so.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.end(-signal.SIGKILL)
        self.children.clear()
        await self._process.wait()

    def _handle(self, message: Started | Stale | Ended) -> None:
        match message:
            case Started():
                child = self.children[message.number] = ForkedProcess(message.pid)
                self._waiting.pop(message.number).set_result(child)
            case Stale():
                self._waiting.pop(message.number).set_result(None)
            case Ended():
                self.children.pop(message.number).end(message.status)
