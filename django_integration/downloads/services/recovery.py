"""Finds what stalled: requests whose worker was lost, and those that were never started or whose run died."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from django_integration.domain.errors import TriggerUnavailable
from django_integration.domain.status import OPEN_REQUESTS
from django_integration.downloads.models import DownloadRequest
from django_integration.downloads.services import notices
from django_integration.downloads.services.handover import start_packaging, start_sending
from django_integration.downloads.services.packaging import hand_back_lost
from django_integration.downloads.settings import app_settings
from django_integration.downloads.trigger import current_trigger

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
    now = timezone.now()
    leased_out = DownloadRequest.objects.filter(lease_until__lt=now).order_by("lease_until")
    lost = [pk for pk in leased_out.values_list("pk", flat=True)[:BATCH] if hand_back_lost(pk)]
    started = [pk for pk in _unstarted() if start_packaging(pk)]
    mails = notices.any_due()
    if mails:
        start_sending()
    return Recovered(lost=tuple(lost), started=tuple(started), mails=mails)


def _unstarted() -> list[int]:
    """Give the requests past their time for which no run is alive; those whose run died get a new number."""
    overdue = timezone.now() - timedelta(seconds=app_settings().stalled_after_seconds)
    rows = list(
        DownloadRequest.objects.filter(status__in=OPEN_REQUESTS, due_at__lt=overdue, lease_until=None)
        .order_by("due_at")
        .values_list("pk", "run_id", "attempt")[:BATCH]
    )
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
