"""The outbox of e-mails: enqueued with the fact, claimed by one sender at a time, tried until sent or given up."""

import random
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings as django_settings
from django.db import transaction
from django.utils import timezone

from downman.domain.notices import FOR_ADMINISTRATORS, RECEIPTS, VERIFICATIONS, NoticeKind
from downman.domain.status import UNSENT_NOTICES, NoticeStatus
from downman.models import DownloadRequest, GenericRequest, Notice
from downman.services import mail_limit
from downman.services.db_retry import retry_on_disconnect
from downman.services.dispatch import start_sending_on_commit
from downman.services.policy import administrators
from downman.settings import app_settings

#: Notices that a sender claims at once: so many are late when it dies.
CLAIMED_AT_ONCE = 1
#: Answers that a mail server owes for one mail, from its greeting to its word that it was taken.
ANSWERS_PER_MAIL = 8
#: Go to one address, whichever is the requester's.
_BOUND_TO_AN_ADDRESS = FOR_ADMINISTRATORS | VERIFICATIONS | {NoticeKind.ADDRESS_CHANGED}
#: Says of a mail that it was not lost but given up.
GIVEN_UP = "Given up by an administrator."


def enqueue_notice(
    about: DownloadRequest | GenericRequest, kind: NoticeKind, *, fact: str, recipient: str = ""
) -> None:
    """Owe the requester one mail of this kind for this fact, once; call it in the transaction that makes the fact.

    `recipient` is another address of theirs: one that is not confirmed yet, or was theirs until now. Beyond the limit
    of mails to one address and day it is sent later; a receipt is left out.
    """
    recipient = recipient or about.email
    due_at: object = partial(mail_limit.plan_mail, recipient)
    # A receipt is enqueued but once, with its order: it can be counted before it is known not to be there.
    if kind in RECEIPTS and (due_at := mail_limit.plan_receipt(recipient)) is None:
        return
    _enqueue(about, kind, fact=fact, recipient=recipient, language=about.language, due_at=due_at)


def enqueue_for_administrators(about: DownloadRequest | GenericRequest, kind: NoticeKind, *, fact: str) -> None:
    """Owe each of the administrators one mail of this kind for this fact.

    One that nobody has begun to send says all of it: a mail is written as its order stands when it is sent.
    """
    waiting = Notice.objects.select_for_update().filter(
        request=about if isinstance(about, DownloadRequest) else None,
        generic_request=about if isinstance(about, GenericRequest) else None,
        kind=kind.value,
        status=NoticeStatus.PENDING,
        due_at__lte=timezone.now(),
    )
    told = set(waiting.values_list("recipient", flat=True))
    for recipient in (one for one in administrators() if one not in told):
        _enqueue(
            about, kind, fact=fact, recipient=recipient, language=django_settings.LANGUAGE_CODE, due_at=timezone.now
        )


def _enqueue(
    about: DownloadRequest | GenericRequest, kind: NoticeKind, *, fact: str, recipient: str, **defaults: Any
) -> None:
    # Django calls a default that is a function, and only where there is no such notice yet.
    Notice.objects.get_or_create(
        request=about if isinstance(about, DownloadRequest) else None,
        generic_request=about if isinstance(about, GenericRequest) else None,
        kind=kind.value,
        fact=fact,
        recipient=recipient,
        defaults=defaults,
    )
    start_sending_on_commit()


def resend(notice_id: int) -> Notice:
    """Have a mail sent once more, at once: one that was given up is tried again, one that was sent goes out anew.

    A mail that went out anew is another one, with a Message-ID of its own: mail programs would hide a repeated one.
    """
    now = timezone.now()
    with transaction.atomic():
        notice = Notice.objects.select_for_update().get(pk=notice_id)
        if notice.status == NoticeStatus.SENT:
            about = {
                "request_id": notice.request_id,
                "generic_request_id": notice.generic_request_id,
                "kind": notice.kind,
            }
            # Of all recipients: copies may have gone to another address meanwhile.
            again = Notice.objects.filter(fact__startswith=f"{notice.fact} again", **about).count() + 1
            notice = Notice.objects.create(
                fact=f"{notice.fact} again {again}",
                recipient=notice.recipient,
                language=notice.language,
                due_at=now,
                **about,
            )
        elif notice.status == NoticeStatus.FAILED:
            Notice.objects.filter(pk=notice.pk).must_move_to(NoticeStatus.RETRYING, due_at=now)
        else:
            Notice.objects.filter(pk=notice.pk).update(due_at=now)
        start_sending_on_commit()
    return notice


def redirect_unsent(request: DownloadRequest, *, old: str, new: str) -> int:
    """Send to a new address what could not be sent to the old one yet; call it in the transaction that changes it.

    Returns how many mails that were.
    """
    theirs = Notice.objects.filter(request=request, recipient=old).exclude(kind__in=_BOUND_TO_AN_ADDRESS)
    unsent = theirs.exclude(status=NoticeStatus.SENT)
    now = timezone.now()
    unsent.filter(status=NoticeStatus.FAILED).move_to(NoticeStatus.RETRYING)
    moved = unsent.update(recipient=new, due_at=now)
    start_sending_on_commit()
    return moved


@retry_on_disconnect
def claim_due(limit: int) -> list[Notice]:
    """Take up to `limit` notices that are due, oldest first, so that no other sender has them for a while."""
    now = timezone.now()
    with transaction.atomic():
        due = Notice.objects.filter(status__in=UNSENT_NOTICES, due_at__lte=now)
        taken = list(due.order_by("due_at", "pk").select_for_update(skip_locked=True)[:limit])
        Notice.objects.filter(pk__in=[notice.pk for notice in taken]).update(due_at=now + claim_timeout(limit))
    return list(
        Notice.objects.filter(pk__in=[notice.pk for notice in taken])
        .select_related("request", "generic_request")
        .order_by("pk")
    )


def claim_timeout(mails: int) -> timedelta:
    """Return the time for which a sender has mails to itself.

    One that has said nothing for longer than all answers may take has died; another may take them then.
    """
    return timedelta(seconds=mails * ANSWERS_PER_MAIL * app_settings().mail_timeout_seconds)


def any_due() -> bool:
    """Return whether a mail is due."""
    return Notice.objects.filter(status__in=UNSENT_NOTICES, due_at__lte=timezone.now()).exists()


@retry_on_disconnect
def mark_sent(notice: Notice) -> None:
    """Note that the mail server took it; a second time changes nothing."""
    now = timezone.now()
    Notice.objects.filter(pk=notice.pk).move_to(
        NoticeStatus.SENT, sent_at=now, attempts=notice.attempts + 1, last_error=""
    )


@retry_on_disconnect
def mark_failed(notice: Notice, error: str, *, is_permanent: bool) -> NoticeStatus:
    """Note that the mail server did not take it; say whether it is tried again or given up."""
    now = timezone.now()
    attempts = notice.attempts + 1
    retries = app_settings().mail_retries
    spread = random.random()  # noqa: S311 - no secret
    delay = None if is_permanent else retries.next_delay(attempts, now - notice.created_at, spread=spread)
    target = NoticeStatus.FAILED if delay is None else NoticeStatus.RETRYING
    Notice.objects.filter(pk=notice.pk).move_to(
        target, attempts=attempts, last_error=error[:2000], due_at=now + (delay or timedelta())
    )
    return target
