"""Puts notices into words: one mail with a text and an HTML form, in the language of the person who ordered."""

import contextlib
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.template.loader import render_to_string
from django.urls import get_script_prefix
from django.utils import timezone, translation

from downman.domain.notices import VERIFICATIONS
from downman.domain.status import SETTLED_LOCATORS, STOPPED_LOCATORS, LinkStatus, LocatorStatus
from downman.email_addresses import InvalidEmailAddress, normalize_email
from downman.free_text import to_one_line
from downman.models import AddressVerification, Notice
from downman.services.tracking import (
    TrackedRequest,
    confirm_url,
    decision_url,
    generic_url,
    site_address,
    track,
)
from downman.services.verification import get_end, is_change
from downman.settings import app_settings

#: Longer subjects are cut by mail programs.
MAX_SUBJECT = 150


class InvalidRecipient(ValueError):
    """The recipient's e-mail address cannot be written into a message, and never can."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail, ready to be sent."""

    recipient: str
    subject: str
    text: str
    html: str
    language: str
    #: With its angle brackets; the same each time the notice is composed.
    message_id: str


def compose(notice: Notice) -> Mail:
    """Write the mail of a notice as its order stands now; times are in the site's time zone."""
    with translation.override(notice.language), timezone.override(timezone.get_default_timezone()):
        context = {**_get_context(notice), **_get_confirmation(notice)}
        folder = f"downloads/mail/{notice.kind}"
        # The first line of the text is its subject (the block `subject` of `base.txt`).
        heading, _, text = render_to_string(f"{folder}.txt", context).partition("\n")
        return Mail(
            recipient=notice.recipient,
            subject=_to_subject(heading, str(context["number"])),
            text=_tidied(text),
            html=render_to_string(f"{folder}.html", {**context, "heading": heading}),
            language=notice.language,
            message_id=f"<{notice.message_key}@{urlsplit(app_settings().site_url).hostname or 'localhost'}>",
        )


def to_email_message(mail: Mail, sender: str) -> EmailMessage:
    """Make the message that mail servers take; `sender` may have a name: `Portal <portal@example.org>`.

    Raises `InvalidRecipient` when the recipient's address holds what no header may hold.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = to_sender(sender)
    recipient = to_recipient(mail.recipient)
    message["To"] = recipient
    if [address.addr_spec for address in message["To"].addresses] != [recipient.addr_spec]:
        raise InvalidRecipient("a header holds something else than it")
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(timezone.now())
    message["Message-ID"] = mail.message_id
    # RFC 3834: no out-of-office replies, please.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    # Last: what was set before goes to the text alone.
    message["Content-Language"] = mail.language
    return message


def to_recipient(address: str) -> Address:
    """Return the one address to which a mail goes; raises `InvalidRecipient`, also for what earlier versions took."""
    try:
        local, _at, domain = normalize_email(address, any_domain=True).rpartition("@")
        return Address(username=local, domain=domain)
    except (InvalidEmailAddress, ValueError, HeaderParseError) as exc:
        raise InvalidRecipient(str(exc)) from exc


def to_sender(text: str) -> Address:
    """Return the sender that the site names: an address, perhaps after a name."""
    name, address = parseaddr(text)
    with contextlib.suppress(InvalidEmailAddress):
        address = normalize_email(address, any_domain=True)
    local, _at, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)


def _get_context(notice: Notice) -> dict[str, object]:
    common: dict[str, object] = {"site_url": site_address(get_script_prefix())}
    if notice.generic_request is not None:
        free_text_request = notice.generic_request
        page, decision = generic_url(free_text_request), decision_url("genericrequest", free_text_request.pk)
        return {
            **common,
            "free_text_request": free_text_request,
            "tracking_url": page,
            "decision_url": decision or page,
            "number": free_text_request.number,
        }
    if notice.request is None:
        raise AssertionError("A notice is about one thing; the database holds to it.")
    about = _context(track(notice.request))
    decision = decision_url("downloadrequest", notice.request.pk)
    return {**common, **about, "number": notice.request.number, "decision_url": decision}


def _get_confirmation(notice: Notice) -> dict[str, object]:
    """Return what a mail says that asks for a confirmation. Raises `InvalidRecipient` where none is asked for now."""
    if notice.kind not in VERIFICATIONS:
        return {}
    about = {"request": notice.request, "generic_request": notice.generic_request}
    asked = AddressVerification.objects.filter(email=notice.recipient, **about).last()
    if asked is None:
        raise InvalidRecipient("another address was asked for")
    return {"confirm_url": confirm_url(asked), "confirm_before": get_end(asked), "is_change": is_change(asked)}


def _context(tracked: TrackedRequest) -> dict[str, Any]:
    states = {status.value: [row for row in tracked.resources if row.status == status] for status in LocatorStatus}
    active = [link.expires_at for link in tracked.links if link.status == LinkStatus.ACTIVE]
    return {
        "tracked": tracked,
        # The first that ends of those that can be taken; where none can, the last that ended.
        "expires_at": min(active, default=max((link.expires_at for link in tracked.links), default=None)),
        "delivered": states[LocatorStatus.DELIVERED],
        "downloadable": [row for row in states[LocatorStatus.DELIVERED] if row.downloadable],
        "ended": [row for row in states[LocatorStatus.DELIVERED] if not row.downloadable],
        "undelivered": [*states[LocatorStatus.FAILED], *states[LocatorStatus.CANCELLED]],
        "undecided": states[LocatorStatus.AWAITING_APPROVAL],
        "coming": [row for row in tracked.resources if row.status not in SETTLED_LOCATORS | STOPPED_LOCATORS],
        "stopped": [row for row in tracked.resources if row.status in STOPPED_LOCATORS],
        "waiting": [row for row in tracked.resources if row.status not in SETTLED_LOCATORS],
    }


def _to_subject(heading: str, number: str) -> str:
    """Return a subject with the number by which people speak of the order."""
    end = f" ({number})"
    return to_one_line(heading)[: MAX_SUBJECT - len(end)] + end


def _tidied(text: str) -> str:
    """Leave one empty line where template tags left several."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line.strip() or (lines and lines[-1]):
            # The space of "-- ", which mail programs take for the signature, stays.
            lines.append(line if line.strip() else "")
    return "\n".join(lines) + "\n"
