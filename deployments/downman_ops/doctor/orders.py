"""Orders and e-mails that are late."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min
from django.utils import timezone

from downman.domain.status import OPEN_REQUESTS, UNSENT_NOTICES, NoticeStatus
from downman.models import DownloadRequest, Notice
from downman.services.policy import administrators
from downman.settings import AppSettings, app_settings
from downman_ops.doctor.findings import Finding, State, count_due, humanize_duration, ok, warning, wrong

#: Past its time by so much, something waits for longer than a busy hour explains.
WARNING_AFTER, WRONG_AFTER = timedelta(minutes=10), timedelta(hours=1)
#: `recover-stalled` recovers every minute what a worker that is gone held.
LEASE_GRACE = timedelta(minutes=1)
FAILED_WITHIN = timedelta(days=1)
_RECOVERY = (
    "See that a worker serves the queue maintenance; `downman prefect deployment run recover-stalled/recover-stalled`."
)


def check_orders() -> Iterator[Finding]:
    """Check for orders past their time, and for those whose lease has expired."""
    now = timezone.now()
    waiting = DownloadRequest.objects.filter(status__in=OPEN_REQUESTS, lease_until=None, due_at__lt=now)
    due = waiting.aggregate(count=Count("pk"), oldest=Min("due_at"))
    yield _overdue("orders", due["count"], due["oldest"], now, "See the queue package, its workers and its limit.")
    expired = DownloadRequest.objects.filter(lease_until__lt=now - LEASE_GRACE)
    held = expired.aggregate(count=Count("pk"), oldest=Min("lease_until"))
    if held["count"]:
        found = f"{held['count']} held by workers that are gone, since {humanize_duration(now - held['oldest'])}"
        yield wrong("orders", found, _RECOVERY)


def check_mails() -> Iterator[Finding]:
    """Check the addresses of senders and administrators, e-mails past their time, and those that failed lately."""
    settings, now = app_settings(), timezone.now()
    yield from _addresses(settings)
    owed = Notice.objects.filter(status__in=UNSENT_NOTICES, due_at__lt=now).aggregate(
        count=Count("pk"), oldest=Min("due_at")
    )
    yield _overdue(
        "mails", owed["count"], owed["oldest"], now, "See the queue notify, its workers and the mail server."
    )
    failed = Notice.objects.filter(status=NoticeStatus.FAILED, updated_at__gt=now - FAILED_WITHIN).aggregate(
        count=Count("pk"), last=Max("updated_at")
    )
    if failed["count"]:
        found = f"{failed['count']} failed in the last day, the last one {humanize_duration(now - failed['last'])} ago"
        yield warning("mails", found, "The admin's page of notices says why; correct the address there, and resend.")


def _addresses(settings: AppSettings) -> Iterator[Finding]:
    default = AppSettings.model_fields["mail_from"].default
    if settings.mail_from == default:
        found = "the sender is still the default, which mail servers refuse"
        yield warning("mail addresses", found, "Set DOWNLOADS_MAIL_FROM.")
    if not administrators():
        found = "nobody is notified of orders that wait for a decision"
        yield warning(
            "mail addresses", found, "Set DOWNLOADS_ADMINISTRATORS, or name them in the admin, under Download policy."
        )
    elif settings.mail_from != default:
        yield ok("mail addresses", "sender and administrators are set")


def _overdue(what: str, count: int, oldest: datetime | None, now: datetime, hint: str) -> Finding:
    late = now - oldest if oldest is not None else timedelta()
    if late < WARNING_AFTER:
        return ok(what, f"none is late; {count_due(count)}")
    state = State.WARNING if late < WRONG_AFTER else State.WRONG
    found = f"{count_due(count)}, the oldest since {humanize_duration(late)}"
    return Finding(part=what, state=state, found=found, hint=hint)
