"""The zygotes of one worker: one for each environment, from which the children are forked."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence

from prefect_warm_process.messages import Ready, Task
from prefect_warm_process.zygote_key import ZygoteKey
from prefect_warm_process.zygote_process import ForkedProcess, ZygoteProcess, ZygoteUnusable

logger = logging.getLogger("prefect.worker.warm_process")

#: Seconds for which a zygote that could not be started is not tried again.
FAILED_SECONDS = 60.0
#: Zygotes tried for one child, until it counts as impossible.
MAX_TRIES = 3


class ZygotePool:
    """The zygotes of one worker: made when first needed, kept for the next run with the same key."""

    def __init__(self, *, load_seconds: float, max_idle: int, importable: Sequence[str] = ()) -> None:
        """Nothing is started yet. `max_idle` are kept while no child of theirs lives."""
        self._importable = importable
        self._load_seconds = load_seconds
        self._max_idle = max_idle
        self._zygotes: OrderedDict[ZygoteKey, ZygoteProcess] = OrderedDict()
        self._retired: list[ZygoteProcess] = []
        self._locks: dict[ZygoteKey, asyncio.Lock] = {}
        #: Why a zygote could not be started, for as long as it is not tried again.
        self._failed: dict[ZygoteKey, str] = {}

    async def warm(self, key: ZygoteKey) -> ZygoteProcess:
        """Return a zygote that lives; start it if there is none. Raises `ZygoteUnusable`."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            zygote = self._zygotes.get(key)
            if zygote is None or not zygote.alive:
                zygote = ZygoteProcess(key, load_seconds=self._load_seconds, importable=self._importable)
                ready = await self._start(zygote)
                for failed in ready.failed:
                    logger.warning("Not preloaded: %s", failed)
                logger.info("Zygote ready after %s s, %s modules loaded.", ready.seconds, ready.modules)
                self._zygotes[key] = zygote
            self._zygotes.move_to_end(key)
        await self._close_idle()
        return zygote

    async def _start(self, zygote: ZygoteProcess) -> Ready:
        if reason := self._failed.get(zygote.key):
            raise ZygoteUnusable(reason)
        try:
            return await zygote.start()
        except ZygoteUnusable as exc:
            self._failed[zygote.key] = str(exc)
            asyncio.get_running_loop().call_later(FAILED_SECONDS, self._failed.pop, zygote.key, None)
            raise

    async def fork(self, key: ZygoteKey, task: Task) -> ForkedProcess:
        """Have a child forked from what is on disk now. Raises `ZygoteUnusable`."""
        for _ in range(MAX_TRIES):
            zygote = await self.warm(key)
            try:
                child = await zygote.fork(task)
            except ZygoteUnusable as exc:
                logger.warning("A zygote was lost (%s); a new one takes over.", exc)
                continue
            if child is not None:
                return child
            logger.info("The code on disk has changed; a new zygote takes over.")
            await self._retire(key, zygote)
        raise ZygoteUnusable(f"{MAX_TRIES} zygotes were lost one after the other")

    async def close(self) -> None:
        """Close all of them."""
        for zygote in [*self._zygotes.values(), *self._retired]:
            await zygote.close()
        self._zygotes.clear()
        self._retired.clear()

    async def _close_idle(self) -> None:
        for zygote in [retired for retired in self._retired if not retired.children]:
            self._retired.remove(zygote)
            await zygote.close()
        idle = [key for key, zygote in self._zygotes.items() if not zygote.children]
        for key in idle[: max(0, len(self._zygotes) - self._max_idle)]:
            await self._retire(key, self._zygotes[key])

    async def _retire(self, key: ZygoteKey, zygote: ZygoteProcess) -> None:
        if self._zygotes.get(key) is not zygote:
            return
        del self._zygotes[key]
        self._locks.pop(key, None)
        if zygote.children:
            # It still reports how its children end; its last one ends it.
            self._retired.append(zygote)
        else:
            await zygote.close()
