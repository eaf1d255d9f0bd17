"""Questions that may hang, such as those to a server that is away or to a folder on a network disk."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from downman.settings import AppSettings

Answer = TypeVar("Answer")


@dataclass(kw_only=True)
class _Asked(Generic[Answer]):
    """One probe; its time is that of its start while it runs, and that of its end afterwards."""

    settings: AppSettings
    at: float
    answer: Future[Answer] = field(default_factory=Future)


class TimedProbe(Generic[Answer]):
    """One question: asked by a thread of its own, one at a time, and waited for so long at most.

    Everybody who asks meanwhile waits for the same answer, so that what hangs costs one thread, not one for each.
    """

    def __init__(
        self, ask: Callable[[AppSettings], Answer], *, wait_seconds: float = 1.0, keep_seconds: float = 1.0
    ) -> None:
        """Take the question; its answer, or error, is kept for so long, for as long as the settings are the same."""
        self._ask = ask
        self._wait_seconds = wait_seconds
        self._keep_seconds = keep_seconds
        self._lock = threading.Lock()
        self._last: _Asked[Answer] | None = None

    def begin(self, settings: AppSettings) -> None:
        """Ask, unless the answer is known or on its way."""
        self._asked(settings)

    def answer(self, settings: AppSettings) -> Answer:
        """Return the answer. Raises `TimeoutError` when there is none in time, and whatever the question raises."""
        asked = self._asked(settings)
        return asked.answer.result(timeout=max(0.0, asked.at + self._wait_seconds - time.monotonic()))

    def _asked(self, settings: AppSettings) -> _Asked[Answer]:
        with self._lock:
            last = self._last
            if last is not None and last.settings == settings and self._serves(last):
                return last
            self._last = _Asked(settings=settings, at=time.monotonic())
            # A daemon: the process may end while it hangs.
            threading.Thread(target=self._find, args=[self._last], daemon=True, name="bounded question").start()
            return self._last

    def _serves(self, asked: _Asked[Answer]) -> bool:
        return not asked.answer.done() or time.monotonic() - asked.at < self._keep_seconds

    def _find(self, asked: _Asked[Answer]) -> None:
        try:
            answer = self._ask(asked.settings)
        except BaseException as exc:  # noqa: BLE001 - it is raised to those who wait
            asked.at = time.monotonic()
            asked.answer.set_exception(exc)
        else:
            asked.at = time.monotonic()
            asked.answer.set_result(answer)
