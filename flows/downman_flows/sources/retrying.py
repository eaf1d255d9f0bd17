"""Tries again, within one run, what failed for a passing reason."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from downman.domain.errors import NoSpace, TemporaryError
from downman_flows.sources.fetch_limits import FetchLimits

Result = TypeVar("Result")
#: Waits so many seconds; tests give one that does not.
Pause = Callable[[float], None]

#: Seconds between two looks whether the waiting was cancelled.
_LOOK_SECONDS = 0.25


def with_retries(  # noqa: PLR0913 - the parts that tests and callers choose
    work: Callable[[], Result],
    *,
    limits: FetchLimits,
    check: Callable[[], None] = lambda: None,
    progressed: Callable[[], bool] = lambda: False,
    pause: Pause = time.sleep,
    after: type[TemporaryError] = TemporaryError,
) -> Result:
    """Do the work, again after a `TemporaryError` (or only after a kind of it), with a longer wait each time.

    A try after which `progressed` says that there is more than ever before does not count: a source that breaks off
    every few kilobytes is finished in many steps, within the time of the limits.

    A source that asks to wait is obeyed; when it asks for longer than the limit, its error is raised at once, and a
    later run obeys. `check` is called while waiting and may raise to stop. A full disk is never waited for here.
    """
    deadline = time.monotonic() + limits.total_seconds
    failures = 0
    while True:
        try:
            return work()
        except NoSpace:
            raise
        except after as exc:
            failures = 0 if progressed() else failures + 1
            seconds = delay_after(failures, exc, limits)
            if max(failures, 1) >= limits.tries or seconds is None or time.monotonic() + seconds > deadline:
                raise
        _wait(seconds, check, pause)


def delay_after(number: int, error: TemporaryError, limits: FetchLimits) -> float | None:
    """Return the seconds to wait after the failure of try `number` (1 is the first; 0 one that does not count).

    None when it is too long.
    """
    backoff = limits.backoff_seconds * 2 ** (number - 1) if number else limits.resume_seconds
    # Many fetches that broke at the same moment must not come back at the same moment.
    backoff *= random.uniform(1, 1.5)  # noqa: S311 - no secret
    asked = error.retry_after.total_seconds() if error.retry_after is not None else 0.0
    return None if asked > limits.longest_retry_after_seconds else max(backoff, asked)


def _wait(seconds: float, check: Callable[[], None], pause: Pause) -> None:
    while seconds > 0:
        check()
        pause(min(seconds, _LOOK_SECONDS))
        seconds -= _LOOK_SECONDS
    check()
