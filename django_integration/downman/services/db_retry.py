"""Repeating database work after the connection to the database was lost."""

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

#: What Django raises when the connection was lost, or cannot be made.
DISCONNECT_ERRORS = (OperationalError, InterfaceError)
#: Seconds between two attempts: a database that comes back is found soon, one that does not is not flooded.
PAUSE_SECONDS = 0.5
#: Seconds that a restart of PostgreSQL, with the recovery after a crash, may take before the error is raised.
RETRY_SECONDS = 60.0


def retry_on_disconnect(work: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Call a function that may be called twice again and again while the database is away, up to `RETRY_SECONDS`.

    The work may have been committed although the connection was lost before the answer: the function must find that
    out itself. Within a transaction of the caller nothing is repeated: it is lost as a whole.
    """

    @functools.wraps(work)
    def repeated(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                return work(*arguments, **options)
            except DISCONNECT_ERRORS:
                if time.monotonic() > deadline or connection.in_atomic_block:
                    raise
            # Otherwise the next attempt would use the same lost connection.
            connection.close()
            time.sleep(PAUSE_SECONDS)

    return repeated
