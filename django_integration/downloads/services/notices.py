"""The mail outbox: what is owed, taken by one sender at a time, tried until it is sent or given up."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from django_integration.domain.notices import NoticeKind
from django_integration.domain.policy import MAIL_RETRIES
from django_integration.domain.status import OWED_NOTICES, NoticeStatus
from django_integration.downloads.models import DownloadRequest, Notice
from django_integration.downloads.services.handover import start_sending_on_commit

#: A sender that took a notice and said nothing for this long has died; another may take it.
SENDING_LEASE = timedelta(minutes=5)


def owe_notice(request: DownloadRequest, kind: NoticeKind, *, fact: str) -> None:
    """Owe the requester one mail of this kind for this fact, once; call it in the transaction that makes the fact."""
    Notice.objects.get_or_create(
        request=request,
        kind=kind.value,
        fact=fact,
        recipient=request.email,
        defaults={"language": request.language, "due_at": timezone.now()},
    )
    start_sending_on_commit()


def take_due(limit: int) -> list[Notice]:
    """Take up to `limit` notices that are due, oldest first, so that no other sender has them for a while."""
    now = timezone.now()
    with transaction.atomic():
        due = Notice.objects.filter(status__in=OWED_NOTICES, due_at__lte=now)
        taken = list(due.order_by("due_at", "pk").select_for_update(skip_locked=True)[:limit])
        Notice.objects.filter(pk__in=[notice.pk for notice in taken]).update(due_at=now + SENDING_LEASE)
    return list(Notice.objects.filter(pk__in=[notice.pk for notice in taken]).select_related("request").order_by("pk"))


def any_due() -> bool:
    """Say whether a mail is due."""
    return Notice.objects.filter(status__in=OWED_NOTICES, due_at__lte=timezone.now()).exists()


def mark_sent(notice: Notice) -> None:
    """Note that the mail server took it."""
    now = timezone.now()
    Notice.objects.filter(pk=notice.pk).must_move_to(
        NoticeStatus.SENT, sent_at=now, attempts=notice.attempts + 1, last_error=""
    )


def mark_failed(notice: Notice, error: str, *, for_good: bool) -> NoticeStatus:
    """Note that the mail server did not take it; say whether it is tried again or given up."""
    now = timezone.now()
    attempts = notice.attempts + 1
    delay = None if for_good else MAIL_RETRIES.next_delay(attempts, now - notice.created_at)
    target = NoticeStatus.FAILED if delay is None else NoticeStatus.RETRYING
    Notice.objects.filter(pk=notice.pk).must_move_to(
        target, attempts=attempts, last_error=error[:2000], due_at=now + (delay or timedelta())
    )
    return target
