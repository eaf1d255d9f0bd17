"""Finds what stalled: requests whose worker was lost, and those that were never started or whose run died."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from downman.domain.errors import TriggerUnavailable
from downman.domain.status import OPEN_REQUESTS
from downman.models import DownloadRequest
from downman.services import notices, package_storage
from downman.services.dispatch import start_packaging, start_sending
from downman.services.leases import release
from downman.settings import app_settings
from downman.trigger import current_trigger

#: Looked at in one run; the next one looks at the rest.
BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What one look found."""

    #: Requests whose worker was lost; they were handed back.
    lost: tuple[int, ...]
    #: Requests that were started again, or for the first time.
    started: tuple[int, ...]
    #: Whether mails were due.
    mails: bool


def recover_stalled() -> Recovered:
    """Start again whatever should be at work and is not."""
    lost = []
    for pk, owner in _lost().items():
        # First: were this run lost too, the next one would find it by its lease again.
        _clear_if_over(pk)
        if release(pk, owner=owner, reason="its worker was lost"):
            lost.append(pk)
    started = [pk for pk in _unstarted(lost) if start_packaging(pk)]
    mails = notices.any_due()
    if mails:
        start_sending()
    return Recovered(lost=tuple(lost), started=tuple(started), mails=mails)


def _lost() -> dict[int, str]:
    """Return the requests whose lease is over, and those whose run Prefect says has ended, with their lost owners."""
    now = timezone.now()
    leased = DownloadRequest.objects.filter(lease_until__isnull=False).order_by("lease_until")
    rows = list(leased.values_list("pk", "lease_owner", "lease_until")[:BATCH])
    over = {pk: owner for pk, owner, until in rows if until and until < now}
    return over | _with_ended_runs({pk: owner for pk, owner, _until in rows if pk not in over})


def _with_ended_runs(leased: Mapping[int, str]) -> dict[int, str]:
    """Keep the requests whose run has ended without ending its lease: its process died, or it was cancelled."""
    runs = [owner for owner in leased.values() if _is_run(owner)]
    try:
        alive = current_trigger().live(runs) if runs else frozenset()
    except TriggerUnavailable:
        return {}
    # What ended its lease while Prefect was asked has no owner any more, and `release` leaves it alone.
    return {pk: owner for pk, owner in leased.items() if owner in runs and owner not in alive}


def _is_run(owner: str) -> bool:
    try:
        return bool(UUID(owner))
    except ValueError:
        return False


def _clear_if_over(request_id: int) -> None:
    """Delete what a lost worker left of a request that ended meanwhile; otherwise its next run continues with it."""
    if not DownloadRequest.objects.filter(pk=request_id, status__in=OPEN_REQUESTS).exists():
        package_storage.discard_unrecorded(request_id)
        # Another machine's staging is swept there.
        shutil.rmtree(app_settings().staging_dir / str(request_id), ignore_errors=True)


def _unstarted(lost: Iterable[int]) -> list[int]:
    """Return the requests past their time for which no run is alive; those whose run died get a new number."""
    rows = _overdue(timezone.now() - timedelta(seconds=app_settings().stalled_after_seconds), set(lost))
    asked_for = [str(run_id) for _, run_id, _ in rows if run_id]
    try:
        alive = current_trigger().live(asked_for) if asked_for else frozenset()
    except TriggerUnavailable:
        return []
    unstarted = []
    for pk, run_id, attempt in rows:
        if run_id and str(run_id) in alive:
            continue
        if run_id:
            # The same number would only give the dead run again.
            DownloadRequest.objects.filter(pk=pk, attempt=attempt).update(attempt=F("attempt") + 1, run_id=None)
        unstarted.append(pk)
    return unstarted


def _overdue(before: datetime, lost: set[int]) -> list[tuple[int, UUID | None, int]]:
    waiting = DownloadRequest.objects.filter(status__in=OPEN_REQUESTS, due_at__lt=before, lease_until=None)
    rows = waiting.order_by("due_at").values_list("pk", "run_id", "attempt")[:BATCH]
    # Those were handed to Prefect a moment ago, by the same transaction that took them from their worker.
    return [row for row in rows if row[0] not in lost]
