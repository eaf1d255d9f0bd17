import smtplib
from datetime import timedelta

import pytest
from django.utils import timezone

from downman.domain.notices import NoticeKind
from downman.models import Notice, Resource
from downman.services import notices
from downman_flows.mail_server_errors import to_mail_server_error
from tests.integration.orders import order

pytestmark = pytest.mark.django_db


def test_a_fact_is_worth_one_mail_however_often_it_is_said(resource: Resource) -> None:
    request = order("dem")
    for _ in range(3):
        notices.enqueue_notice(request, NoticeKind.READY, fact="1")
    notices.enqueue_notice(request, NoticeKind.READY, fact="2")
    assert Notice.objects.filter(kind="ready").count() == 2


def test_a_taken_mail_is_not_given_to_a_second_sender_until_the_first_is_long_silent(resource: Resource) -> None:
    order("dem")
    (taken,) = notices.claim_due(10)
    assert notices.claim_due(10) == []
    Notice.objects.update(due_at=timezone.now())
    assert [notice.pk for notice in notices.claim_due(10)] == [taken.pk]


def test_a_refused_mail_is_tried_hourly_three_times_then_every_six_hours_then_given_up(resource: Resource) -> None:
    order("dem")
    hours = []
    created = timezone.now()
    for _ in range(5):
        notice = notices.claim_due(1)[0]
        assert notices.mark_failed(notice, "421 come back later", is_permanent=False) == "retrying"
        notice.refresh_from_db()
        # Chance adds up to a tenth.
        hours.append(int((notice.due_at - timezone.now()) / timedelta(hours=1) + 0.01))
        Notice.objects.update(due_at=timezone.now())
    assert hours == [1, 1, 1, 6, 6]
    Notice.objects.update(created_at=created - timedelta(days=5, hours=23))
    notice = notices.claim_due(1)[0]
    assert notices.mark_failed(notice, "421 come back later", is_permanent=False) == "failed"
    notice = Notice.objects.get()
    assert notice.attempts == 6
    assert notice.last_error == "421 come back later"
    assert notices.claim_due(1) == []


def test_a_recipient_who_is_refused_is_given_up_at_once(resource: Resource) -> None:
    order("dem")
    refused = smtplib.SMTPRecipientsRefused({"ana@example.org": (550, b"no such user")})
    error = to_mail_server_error(refused, timeout_seconds=1)
    assert error.is_permanent
    passing = (
        smtplib.SMTPRecipientsRefused({"ana@example.org": (450, b"greylisted")}),
        smtplib.SMTPServerDisconnected("gone"),
        smtplib.SMTPAuthenticationError(535, b"bad password"),
    )
    assert not any(to_mail_server_error(other, timeout_seconds=1).is_permanent for other in passing)
    assert notices.mark_failed(notices.claim_due(1)[0], error.reply, is_permanent=True) == "failed"
    assert Notice.objects.get().last_error == "550 no such user"
