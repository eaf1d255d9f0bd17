"""Shows that a run is alive, writes what became of its parts, and hears what was cancelled, from a thread of its own.

Neither a long write, nor a slow source, nor a database that restarts lets the lease end while the work continues.
"""

import logging
import threading
from types import TracebackType
from typing import Self

from django.db import connection

from downman.domain.errors import DownloadCancelled, LeaseLost
from downman.services import leases, outcome
from downman.services.db_retry import DISCONNECT_ERRORS, retry_on_disconnect
from downman.services.leases import Claim
from downman_flows.runs.fetching import HEARTBEAT_SECONDS, Fetching

logger = logging.getLogger(__name__)


class LeaseKeeper:
    """Renews the lease of one claim; what it learned is read by `check` and `cancelled`."""

    def __init__(self, claim: Claim, fetching: Fetching, *, renews: bool = True) -> None:
        """Prepare; it renews inside the context, unless it is only asked to (`renew`)."""
        self._renews = renews
        self._claim = claim
        self._fetching = fetching
        self._written: dict[int, tuple[int, int | None]] = {}
        #: The parts whose failure was written, or is left to the record of the run.
        self._ended: frozenset[int] = frozenset()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)
        #: The locators that were cancelled or put on hold since the claim.
        self.cancelled: frozenset[int] = frozenset()

    def __enter__(self) -> Self:
        """Start renewing."""
        if self._renews:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self._over.set()
        if self._renews:
            self._thread.join()

    def check(self) -> None:
        """Raise `LeaseLost` when the request is no longer this run's, `DownloadCancelled` when all of it is gone."""
        if self._lost:
            raise LeaseLost
        if len(self.cancelled) == len(self._claim.parts):
            raise DownloadCancelled

    @retry_on_disconnect
    def renew(self) -> None:
        """Renew the lease now, however long the database is away; raises `LeaseLost`."""
        self._renew_once()

    def _renew_once(self) -> None:
        """Renew the lease, write progress and failures, and learn what was cancelled; raises `LeaseLost`."""
        with self._lock:
            # A copy: the threads that fetch go on writing into it.
            progress = dict(self._fetching.progress)
            changed = {pk: so_far for pk, so_far in progress.items() if self._written.get(pk) != so_far}
            gone = leases.renew_lease(self._claim, changed)
            self._written = progress
            failures = {pk: why for pk, why in dict(self._fetching.failures).items() if pk not in self._ended | gone}
            self.cancelled |= gone - self._ended
            if failures:
                outcome.record_failures(self._claim, failures)
                self._ended |= failures.keys()
        self._fetching.stop(self.cancelled)

    def _run(self) -> None:
        try:
            while not self._over.wait(HEARTBEAT_SECONDS):
                try:
                    self._renew_once()
                except DISCONNECT_ERRORS:
                    # The work continues; whether the lease did is seen when the database is back.
                    connection.close()
        except LeaseLost:
            self._lost = True
        except Exception:
            # The edge of this thread. Without a renewed lease the order may be given to another run.
            logger.exception("Request %s: its lease could not be renewed any more.", self._claim.request_id)
            self._lost = True
        finally:
            connection.close()
