"""Handing work to Prefect. The row is the outbox: what fails here is found and started by `recover-stalled`.

It happens after the commit in a thread of its own, so that nobody waits for Prefect: a person gets an answer as fast
when it is slow or away. The thread is joined when the process ends; what a crash takes with it is started later.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache

from django.db import close_old_connections, transaction
from django.utils import timezone

from downman.domain.errors import TriggerUnavailable
from downman.domain.jobs import Job
from downman.domain.ports import Trigger
from downman.models import DownloadRequest
from downman.settings import prefect_names
from downman.trigger import current_trigger

logger = logging.getLogger(__name__)

#: Mails of this time share one run of `send-notices`.
NOTICE_WINDOW_SECONDS = 2
#: A mail waits at least so long: an order's first mail and its last often go together then, and after the package.
NOTICE_PATIENCE_SECONDS = 1
#: Seconds after which a vain try counts as one at which Prefect hung; what is refused at once holds nobody up.
HANGS_SECONDS = 1.0
#: Seconds for which Prefect is not asked after it hung; what comes meanwhile is started later.
REST_SECONDS = 10.0
#: The last window for whose mails this process asked each trigger.
_asked: dict[Trigger, int] = {}


def start_packaging_on_commit(request_id: int) -> None:
    """Ask for the request's next run once the present transaction stands."""
    transaction.on_commit(lambda: _in_background(start_packaging, request_id), robust=True)


def start_sending_on_commit() -> None:
    """Ask for the mails to be sent once the present transaction stands."""
    transaction.on_commit(lambda: _in_background(start_sending), robust=True)


def to_package_key(request: DownloadRequest, attempt: int) -> str:
    """Return the idempotency key and name of an order's run.

    Not by the order's id alone: in another database that number is another order, whose old run Prefect would give.
    """
    return prefect_names().to_run_key(Job.PACKAGE_REQUEST, request.pk, request.number, attempt)


def start_packaging(request_id: int) -> bool:
    """Ask for the request's next run at its time; say whether Prefect could be reached."""
    request = DownloadRequest.objects.only("number", "attempt", "due_at").get(pk=request_id)
    if request.due_at is None:
        # A run has it already, or it has ended: there is nothing to ask for.
        return True
    key = to_package_key(request, request.attempt)
    at = request.due_at if request.due_at > timezone.now() else None
    try:
        run_id = current_trigger().start(Job.PACKAGE_REQUEST, key=key, at=at, request_id=request_id)
    except TriggerUnavailable as exc:
        logger.warning(
            "Request %s could not be handed to Prefect (%s); it is started later.",
            request_id,
            exc,
            extra={"request_id": request_id, "job": Job.PACKAGE_REQUEST.value, "action": "start"},
        )
        return False
    DownloadRequest.objects.filter(pk=request_id, attempt=request.attempt).update(run_id=run_id)
    return True


def start_sending() -> bool:
    """Ask for one run that sends the mails due; all that ask within two seconds share it.

    The run is scheduled for after those seconds, so that it sees every mail whose transaction asked for it.
    """
    window = int(timezone.now().timestamp() + NOTICE_PATIENCE_SECONDS) // NOTICE_WINDOW_SECONDS + 1
    at = datetime.fromtimestamp(window * NOTICE_WINDOW_SECONDS, tz=UTC)
    trigger = current_trigger()
    if _asked.get(trigger) == window:
        # When thousands of orders are cancelled together, Prefect would hear of little else.
        return True
    try:
        trigger.start(Job.SEND_NOTICES, key=prefect_names().to_run_key(Job.SEND_NOTICES, window), at=at)
    except TriggerUnavailable as exc:
        logger.warning(
            "Mails could not be handed to Prefect (%s); they are sent later.",
            exc,
            extra={"job": Job.SEND_NOTICES.value, "action": "start"},
        )
        return False
    _asked[trigger] = window
    return True


def forget_windows() -> None:
    """Forget for which windows a run was asked for: a test is not to depend on the one before it."""
    _asked.clear()


class CircuitBreaker:
    """Lets Prefect alone for a while after it made somebody wait in vain, so that no queue of vain tries builds up."""

    def __init__(self) -> None:
        """Begin closed: Prefect is asked."""
        self._until = 0.0

    def is_open(self) -> bool:
        """Return whether Prefect is to be left alone now."""
        return time.monotonic() < self._until

    def open(self) -> None:
        """Leave Prefect alone for a while."""
        self._until = time.monotonic() + REST_SECONDS


_circuit_breaker = CircuitBreaker()


@cache
def _background() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="handover")


def _in_background(work: Callable[..., bool], *arguments: int) -> None:
    def run() -> None:
        if _circuit_breaker.is_open():
            return
        began = time.monotonic()
        try:
            if not work(*arguments) and time.monotonic() - began > HANGS_SECONDS:
                _circuit_breaker.open()
        except Exception:
            # The edge of this thread.
            logger.exception("Work could not be handed to Prefect; it is started later.")
        finally:
            close_old_connections()

    if getattr(current_trigger(), "in_background", True):
        _background().submit(run)
    else:
        # The trigger of a site's tests, whose transaction no other thread sees.
        work(*arguments)
