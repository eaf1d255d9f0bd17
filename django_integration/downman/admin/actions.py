"""What administrators can do with an order or a free-text request, apart from how it is shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from downman.domain.status import (
    ENDED_REQUESTS,
    LOCATOR_TRANSITIONS,
    GenericStatus,
    LinkStatus,
    LocatorStatus,
    RequestStatus,
)
from downman.models import DownloadLink, DownloadRequest, GenericRequest, ResourceLocator
from downman.services import approvals, cancelling, change_email, generic, notices, verification
from downman.services.current_status import current_status
from downman.services.generic import LONGEST_TEXT
from downman.services.links import status_now

#: The name of the one field that a question may have.
TEXT = "text"


@dataclass(frozen=True, kw_only=True)
class AdminAction:
    """Something that an administrator can do with an order, or with a row that belongs to it."""

    #: What leads to the question, and what the button says.
    label: Promise
    #: What is asked before; `{row}` is what it is done with.
    question: Promise
    #: What is said after.
    done: Promise
    #: Does it: the id of the row, who does it, and what they wrote.
    do: Callable[[int, str, str], object]
    #: Whether it can be done with a row now; the services decide, this only spares vain questions.
    possible: Callable[[Any], bool] = lambda _row: True
    #: What is written beside the answer; None where nothing is.
    field: Callable[[], forms.Field] | None = None
    #: The relation of the order in which the row is; empty for the order itself.
    relation: str = ""


def filter_actions(relation: str, row_actions: Mapping[str, AdminAction]) -> dict[str, AdminAction]:
    """Return the row_actions with rows of one relation."""
    return {name: action for name, action in row_actions.items() if action.relation == relation}


def get_name(row: models.Model) -> str:
    """Name what a question is about."""
    return f"{row.resource.title} ({row})" if isinstance(row, ResourceLocator) else str(row)


def _note() -> forms.Field:
    return forms.CharField(
        label=_("Note to the person who ordered (optional)"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 70}),
    )


def _answer() -> forms.Field:
    return forms.CharField(
        label=_("Answer to the person who asked"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 70}),
    )


def _address() -> forms.Field:
    return forms.CharField(label=_("New e-mail address"), widget=forms.EmailInput(attrs={"size": 40}))


def _is_undecided(part: ResourceLocator) -> bool:
    return part.status == LocatorStatus.AWAITING_APPROVAL


def _is_on_hold(part: ResourceLocator) -> bool:
    return part.status == LocatorStatus.ON_HOLD


def _may_become(target: LocatorStatus) -> Callable[[ResourceLocator], bool]:
    return lambda part: target in LOCATOR_TRANSITIONS[LocatorStatus(part.status)] and _goes_on(part.request)


def _goes_on(order: DownloadRequest) -> bool:
    return order.status not in ENDED_REQUESTS


def _has_not_ended(order: DownloadRequest) -> bool:
    return current_status(order, order.locators.select_related("link")) not in ENDED_REQUESTS


def _is_active(link: DownloadLink) -> bool:
    return status_now(link) == LinkStatus.ACTIVE


def _is_unverified(row: DownloadRequest | GenericRequest) -> bool:
    return row.status == RequestStatus.UNVERIFIED


def _is_unanswered(row: GenericRequest) -> bool:
    return row.status == GenericStatus.REGISTERED


_RESEND = AdminAction(
    label=_("Send again"),
    question=_("Send this mail once more: {row}?"),
    done=_("The mail is sent in a moment: {row}."),
    do=lambda pk, _actor, _text: notices.resend(pk),
    relation="notices",
)

#: By the name that each has in its URL.
ORDER_ACTIONS: Mapping[str, AdminAction] = {
    "accept": AdminAction(
        label=_("Accept"),
        question=_("Let {row} be delivered, whatever its size?"),
        done=_("Accepted: {row}. The work starts automatically."),
        do=lambda pk, actor, text: approvals.accept(pk, actor=actor, note=text),
        possible=_is_undecided,
        field=_note,
        relation="locators",
    ),
    "reject": AdminAction(
        label=_("Reject"),
        question=_("Refuse to deliver {row}? The rest of the order is delivered. This cannot be undone."),
        done=_("Rejected: {row}."),
        do=lambda pk, actor, text: approvals.reject(pk, actor=actor, note=text),
        possible=_is_undecided,
        field=_note,
        relation="locators",
    ),
    "hold": AdminAction(
        label=_("Put on hold"),
        question=_("Stop {row} until it is released? Running work on it stops."),
        done=_("Put on hold: {row}."),
        do=lambda pk, actor, text: approvals.hold(pk, actor=actor, note=text),
        possible=_may_become(LocatorStatus.ON_HOLD),
        field=_note,
        relation="locators",
    ),
    "release": AdminAction(
        label=_("Release"),
        question=_("Release {row}, so that its work resumes?"),
        done=_("Released: {row}. The work resumes automatically."),
        do=lambda pk, actor, _text: approvals.release(pk, actor=actor),
        possible=_is_on_hold,
        relation="locators",
    ),
    "cancel-resource": AdminAction(
        label=_("Cancel"),
        question=_(
            "Cancel {row}? The rest of the order continues; what lies in one package with it is packaged again, "
            "without it. This cannot be undone."
        ),
        done=_("Cancelled: {row}."),
        do=lambda pk, actor, text: cancelling.cancel_resource(pk, actor=actor, note=text),
        possible=_may_become(LocatorStatus.CANCELLED),
        field=_note,
        relation="locators",
    ),
    "cancel-link": AdminAction(
        label=_("Cancel"),
        question=_("End the link to {row}? Nobody can take it any more. This cannot be undone."),
        done=_("The link to {row} was ended."),
        do=lambda pk, actor, _text: cancelling.cancel_link(pk, actor=actor),
        possible=_is_active,
        relation="links",
    ),
    "resend": _RESEND,
    "address": AdminAction(
        label=_("Change the e-mail address"),
        question=_(
            "Send all further mails about {row}, and those that could not be sent yet, to another e-mail address?"
        ),
        done=_("The e-mail address of {row} was changed."),
        do=lambda pk, actor, text: change_email.change_email(pk, text, actor=actor),
        field=_address,
    ),
    "confirm-address": AdminAction(
        label=_("Confirm the e-mail address"),
        question=_("Take the e-mail address of {row} for confirmed? The work starts, and e-mails are sent to it."),
        done=_("The e-mail address of {row} was confirmed."),
        do=lambda pk, actor, _text: verification.confirm_order(pk, actor=actor),
        possible=_is_unverified,
    ),
    "cancel": AdminAction(
        label=_("Cancel the order"),
        question=_("Cancel {row}? Running work stops, and its links end. This cannot be undone."),
        done=_("Cancelled: {row}."),
        do=lambda pk, actor, _text: cancelling.cancel_request(pk, actor=actor),
        possible=_has_not_ended,
    ),
}

FREE_TEXT_ACTIONS: Mapping[str, AdminAction] = {
    "confirm-address": AdminAction(
        label=_("Confirm the e-mail address"),
        question=_("Take the e-mail address of {row} for confirmed? E-mails are sent to it then."),
        done=_("The e-mail address of {row} was confirmed."),
        do=lambda pk, _actor, _text: verification.confirm_free_text_request(pk),
        possible=_is_unverified,
    ),
    "complete": AdminAction(
        label=_("Complete"),
        question=_("Say that {row} is done?"),
        done=_("Completed: {row}."),
        do=lambda pk, actor, text: generic.decide(pk, GenericStatus.COMPLETED, actor=actor, answer=text),
        possible=_is_unanswered,
        field=_answer,
    ),
    "reject": AdminAction(
        label=_("Reject"),
        question=_("Decline {row}? This cannot be undone."),
        done=_("Rejected: {row}."),
        do=lambda pk, actor, text: generic.decide(pk, GenericStatus.REJECTED, actor=actor, answer=text),
        possible=_is_unanswered,
        field=_answer,
    ),
    "resend": _RESEND,
}
