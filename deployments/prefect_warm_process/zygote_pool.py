"""The worker's side of its templates: it starts one for each environment, and has children forked from them."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prefect_warm_process.messages import (
    PROTOCOL_VERSION,
    Ended,
    Order,
    Ready,
    Refused,
    Stale,
    Started,
    Task,
    decode,
    encode,
)

logger = logging.getLogger("prefect.worker.warm_process")

#: Variables that differ from run to run; a child gets them on top of its template's environment.
PER_RUN = "PREFECT__"
#: Longest message, in bytes; an order holds a run's variables.
MAX_MESSAGE = 8 * 1024 * 1024
#: A root certificate (ISRG Root X1), only read, never used to prove anything.
ONE_CERTIFICATE = Path(__file__).with_name("one_certificate.pem")
#: Seconds for which a template that could not be started is not tried again.
FAILED_SECONDS = 60.0
#: Zygotes tried for one child, until it counts as impossible.
MAX_TRIES = 3


class ZygoteUnusable(Exception):
    """Nothing can be forked from this template: it could not be started, refused to fork, or died."""


@dataclass(frozen=True)
class ZygoteKey:
    """What a template is made from; runs with the same recipe share one."""

    environment: tuple[tuple[str, str], ...]
    folder: str
    preload: tuple[str, ...]

    @classmethod
    def of(cls, environment: Mapping[str, str | None], *, folder: str, preload: tuple[str, ...]) -> "ZygoteKey":
        """Return the recipe for a run's environment; a variable that is None is one that must not be there."""
        kept = {name: value for name, value in environment.items() if value is not None and not _is_per_run(name)}
        return cls(environment=tuple(sorted(_lightened(kept).items())), folder=folder, preload=preload)


def per_run(environment: Mapping[str, str | None]) -> dict[str, str]:
    """Return the variables of a run that its template does not have."""
    return {name: value for name, value in environment.items() if value is not None and _is_per_run(name)}


def _is_per_run(name: str) -> bool:
    return name.startswith(PER_RUN)


def _lightened(environment: Mapping[str, str]) -> dict[str, str]:
    """Spare each run what it need not do; what the person has set stays.

    The worker has compared the versions of client and server already. And each of the five or six clients that a run
    makes reads its certificates, 20 ms of work every time; for a server without TLS one certificate does.
    """
    spared = {"PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false"}
    if environment.get("PREFECT_API_URL", "").startswith("http://"):
        spared["PREFECT_API_SSL_CERT_FILE"] = str(ONE_CERTIFICATE)
    return {**spared, **environment}


class ForkedProcess:
    """A child of a template, as the worker sees it."""

    def __init__(self, pid: int) -> None:
        """It lives."""
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.Event()

    async def wait(self) -> int:
        """Wait for its end; give its exit status or, below zero, the signal that ended it."""
        await self._ended.wait()
        assert self.returncode is not None  # noqa: S101 - set before the event
        return self.returncode

    def end(self, status: int) -> None:
        """Note how it ended."""
        self.returncode = status
        self._ended.set()


class Template:
    """One template process."""

    def __init__(self, recipe: ZygoteKey, *, load_seconds: float) -> None:
        """Nothing is started yet."""
        self.recipe = recipe
        self._load_seconds = load_seconds
        self.children: dict[int, ForkedProcess] = {}
        self.alive = False
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[ForkedProcess | None]] = {}

    async def start(self) -> Ready:
        """Start it and wait until everything is loaded. Raises `ZygoteUnusable`."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"{__package__}.zygote", str(theirs.fileno()), PROTOCOL_VERSION,
                *self.recipe.preload,
                env=dict(self.recipe.environment), cwd=self.recipe.folder, pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                # Ctrl-C at the terminal is the worker's to handle.
                start_new_session=True,
            )  # fmt: skip
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_MESSAGE)
        try:
            async with asyncio.timeout(self._load_seconds):
                first = decode(await self._reader.readline())
        except TimeoutError as exc:
            self._process.kill()
            await self.close()
            raise ZygoteUnusable(f"it had not loaded everything within {self._load_seconds:g} s") from exc
        except (ValueError, ConnectionError) as exc:
            await self.close()
            raise ZygoteUnusable(f"its process ended with status {self._process.returncode} while loading") from exc
        if isinstance(first, Refused):
            await self.close()
            raise ZygoteUnusable(first.reason)
        assert isinstance(first, Ready)  # noqa: S101 - the only other first word
        self.alive = True
        self._listening = asyncio.create_task(self._listen())
        return first

    async def fork(self, task: Task) -> ForkedProcess | None:
        """Have a child forked. None: the code on disk has changed. Raises `ZygoteUnusable`."""
        if not self.alive:
            raise ZygoteUnusable("its process has ended")
        order = Order(number=next(self._numbers), task=task)
        answer: asyncio.Future[ForkedProcess | None] = asyncio.get_running_loop().create_future()
        self._waiting[order.number] = answer
        with contextlib.suppress(ConnectionError):
            self._writer.write(encode(order))
            await self._writer.drain()
        return await answer

    async def close(self) -> None:
        """Let it go: it ends when its last child has."""
        self.alive = False
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        if not self.children:
            await self._process.wait()

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await self._reader.readline():
                self._take(decode(line))
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

    def _take(self, message: Started | Stale | Ended) -> None:
        match message:
            case Started():
                child = self.children[message.number] = ForkedProcess(message.pid)
                self._waiting.pop(message.number).set_result(child)
            case Stale():
                self._waiting.pop(message.number).set_result(None)
            case Ended():
                self.children.pop(message.number).end(message.status)


class ZygotePool:
    """The templates of one worker: made when first needed, kept for the next run with the same recipe."""

    def __init__(self, *, load_seconds: float, max_idle: int) -> None:
        """Nothing is started yet. `max_idle` are kept while no child of theirs lives."""
        self._load_seconds = load_seconds
        self._max_idle = max_idle
        self._templates: OrderedDict[ZygoteKey, Template] = OrderedDict()
        self._retired: list[Template] = []
        self._locks: dict[ZygoteKey, asyncio.Lock] = {}
        #: Why a template could not be started, for as long as it is not tried again.
        self._failed: dict[ZygoteKey, str] = {}

    async def warm(self, recipe: ZygoteKey) -> Template:
        """Return a template that lives; start it if there is none. Raises `ZygoteUnusable`."""
        async with self._locks.setdefault(recipe, asyncio.Lock()):
            template = self._templates.get(recipe)
            if template is None or not template.alive:
                template = Template(recipe, load_seconds=self._load_seconds)
                ready = await self._start(template)
                for failed in ready.failed:
                    logger.warning("Not preloaded: %s", failed)
                logger.info("Template ready after %s s, %s modules loaded.", ready.seconds, ready.modules)
                self._templates[recipe] = template
            self._templates.move_to_end(recipe)
        await self._let_go_of_the_idle()
        return template

    async def _start(self, template: Template) -> Ready:
        if reason := self._failed.get(template.recipe):
            raise ZygoteUnusable(reason)
        try:
            return await template.start()
        except ZygoteUnusable as exc:
            self._failed[template.recipe] = str(exc)
            asyncio.get_running_loop().call_later(FAILED_SECONDS, self._failed.pop, template.recipe, None)
            raise

    async def fork(self, recipe: ZygoteKey, task: Task) -> ForkedProcess:
        """Have a child forked from what is on disk now. Raises `ZygoteUnusable`."""
        for _ in range(MAX_TRIES):
            template = await self.warm(recipe)
            try:
                child = await template.fork(task)
            except ZygoteUnusable as exc:
                logger.warning("A template was lost (%s); a new one takes over.", exc)
                continue
            if child is not None:
                return child
            logger.info("The code on disk has changed; a new template takes over.")
            await self._retire(recipe, template)
        raise ZygoteUnusable(f"{MAX_TRIES} templates were lost one after the other")

    async def close(self) -> None:
        """Let all go."""
        for template in [*self._templates.values(), *self._retired]:
            await template.close()
        self._templates.clear()
        self._retired.clear()

    async def _let_go_of_the_idle(self) -> None:
        for template in [retired for retired in self._retired if not retired.children]:
            self._retired.remove(template)
            await template.close()
        idle = [recipe for recipe, template in self._templates.items() if not template.children]
        for recipe in idle[: max(0, len(self._templates) - self._max_idle)]:
            await self._retire(recipe, self._templates[recipe])

    async def _retire(self, recipe: ZygoteKey, template: Template) -> None:
        if self._templates.get(recipe) is not template:
            return
        del self._templates[recipe]
        self._locks.pop(recipe, None)
        if template.children:
            # It still tells how its children end; its last one ends it.
            self._retired.append(template)
        else:
            await template.close()
