"""Sends the mails that are due."""

import logging
from dataclasses import dataclass

from prefect_email import EmailServerCredentials

from downman.domain.jobs import Job
from downman.models import Notice
from downman.services import notices
from downman.services.mails import InvalidRecipient, compose, to_email_message, to_recipient, to_sender
from downman.settings import app_settings
from downman_flows.mail_server import MailServer
from downman_flows.mail_server_errors import MailServerError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """How many mails went out."""

    sent: int
    failed: int

    def describe(self) -> str:
        """Return it as a sentence."""
        failed = f" {self.failed} could not be sent; each says why." if self.failed else ""
        return f"{self.sent} {'mail' if self.sent == 1 else 'mails'} sent.{failed}"


def send_due(credentials: EmailServerCredentials) -> Sent:
    """Send every mail that is due, one after another, until none is left."""
    settings = app_settings()
    sent = failed = 0
    with MailServer(credentials, timeout_seconds=settings.mail_timeout_seconds) as server:
        while taken := notices.claim_due(notices.CLAIMED_AT_ONCE):
            for notice in taken:
                if _send_one(notice, server, sender=settings.mail_from):
                    sent += 1
                else:
                    failed += 1
    return Sent(sent=sent, failed=failed)


def _send_one(notice: Notice, server: MailServer, *, sender: str) -> bool:
    try:
        message = to_email_message(compose(notice), sender)
        server.send(message, sender=to_sender(sender).addr_spec, recipient=to_recipient(notice.recipient).addr_spec)
    except MailServerError as exc:
        _reschedule(notice, exc.reply, is_permanent=exc.is_permanent)
    except InvalidRecipient as exc:
        _reschedule(notice, f"The address cannot be written into a mail: {exc}", is_permanent=True)
    except Exception:
        # The edge of one mail: what is wrong with it must not keep the others back.
        about = notice.request or notice.generic_request
        logger.exception("The mail %s of %s could not be written.", notice.kind, about)
        _reschedule(notice, "It could not be written; the log says why.", is_permanent=False)
    else:
        # Not noted, it would be sent once more.
        notices.mark_sent(notice)
        return True
    return False


def _reschedule(notice: Notice, error: str, *, is_permanent: bool) -> None:
    notices.mark_failed(notice, error, is_permanent=is_permanent)
    logger.warning(
        "The mail %s of %s was not taken: %s.",
        notice.kind,
        notice.request or notice.generic_request,
        error,
        extra={"request_id": notice.request_id, "job": Job.SEND_NOTICES.value, "action": "send"},
    )
