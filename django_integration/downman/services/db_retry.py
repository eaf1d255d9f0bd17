"""Doing database work again after the database went away in the middle of it."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

Result = TypeVar("Result")

#: What Django raises when the connection was lost, or cannot be made.
AWAY = (OperationalError, InterfaceError)
#: Seconds between two tries: a database that comes back is met soon, one that does not is not stormed.
PAUSE_SECONDS = 0.5
#: Seconds that a restart of PostgreSQL, with the recovery after a crash, may take before the work is given up.
PATIENCE_SECONDS = 60.0


def patiently(
    work: Callable[[], Result], *, seconds: float = PATIENCE_SECONDS, pause: Callable[[float], object] = time.sleep
) -> Result:
    """Do work that may be done twice, again and again while the database is away; raises its error after `seconds`.

    The work may have been committed though its connection was lost before the answer: it must find that out itself.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return work()
        except AWAY:
            if time.monotonic() > deadline or connection.in_atomic_block:
                raise
        # Otherwise the next try would meet the same lost connection.
        connection.close()
        pause(PAUSE_SECONDS)
