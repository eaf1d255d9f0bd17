"""Sends the mails that are due."""

import logging
import smtplib
from dataclasses import dataclass

from prefect_email import EmailServerCredentials

from django_integration.downloads.models import Notice
from django_integration.downloads.services import notices
from django_integration.downloads.services.mails import compose, to_email_message
from django_integration.downloads.settings import app_settings
from flows.adapters.mail import MailServer, in_words, is_for_good

logger = logging.getLogger(__name__)

#: Mails taken at once; each is lent for minutes, so a batch must be sent in less.
BATCH = 20


@dataclass(frozen=True, kw_only=True)
class Sent:
    """How many mails went out."""

    sent: int
    failed: int

    def in_words(self) -> str:
        """Say it in a sentence."""
        failed = f" {self.failed} could not be sent; each says why." if self.failed else ""
        return f"{self.sent} mails sent.{failed}"


def send_due(credentials: EmailServerCredentials) -> Sent:
    """Send every mail that is due, one after another, until none is left."""
    settings = app_settings()
    sent = failed = 0
    with MailServer(credentials, timeout_seconds=settings.mail_timeout_seconds) as server:
        while taken := notices.take_due(BATCH):
            for notice in taken:
                if _send_one(notice, server, sender=settings.mail_from):
                    sent += 1
                else:
                    failed += 1
    return Sent(sent=sent, failed=failed)


def _send_one(notice: Notice, server: MailServer, *, sender: str) -> bool:
    message = to_email_message(compose(notice), sender)
    try:
        server.send(message)
    except (OSError, smtplib.SMTPException) as exc:
        notices.mark_failed(notice, in_words(exc), for_good=is_for_good(exc))
        logger.warning(
            "The mail %s of request %s was not taken: %s.",
            notice.kind,
            notice.request_id,
            in_words(exc),
            extra={"request_id": notice.request_id, "job": "send-notices", "action": "send"},
        )
        return False
    notices.mark_sent(notice)
    return True
