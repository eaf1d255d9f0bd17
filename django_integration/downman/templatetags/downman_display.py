"""Puts states, sizes and times into words, for the pages and the mails."""

import math
from collections.abc import Mapping
from datetime import datetime

from django import template
from django.urls import get_script_prefix
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from downman import free_text
from downman.domain.sizes import scale
from downman.domain.status import Approval, GenericStatus, LinkStatus, LocatorStatus, RequestStatus
from downman.services.tracking import TrackedLink, TrackedRequest, TrackedResource

register = template.Library()

_MINUTE, _HOUR = 60, 3600
#: From so many on a time is said in the larger unit.
_SEVERAL = 2

#: What an order's state is called.
HEADINGS: Mapping[str, Promise] = {
    RequestStatus.UNVERIFIED: _("Confirm your e-mail address"),
    RequestStatus.AWAITING_APPROVAL: _("Waiting for approval"),
    RequestStatus.QUEUED: _("Waiting for its turn"),
    RequestStatus.PACKAGING: _("Being prepared"),
    RequestStatus.PARTLY_READY: _("Partly ready"),
    RequestStatus.READY: _("Ready"),
    RequestStatus.READY_WITH_ERRORS: _("Ready, but incomplete"),
    RequestStatus.FAILED: _("Failed"),
    RequestStatus.REJECTED: _("Rejected"),
    RequestStatus.CANCELLED: _("Cancelled"),
    RequestStatus.EXPIRED: _("Expired"),
}

#: What that means, and what happens next.
EXPLANATIONS: Mapping[str, Promise] = {
    RequestStatus.UNVERIFIED: _(
        "An e-mail with a link was sent to the address below. Open the link and press the button on its page: the work "
        "starts then. What is not confirmed in time is cancelled."
    ),
    RequestStatus.AWAITING_APPROVAL: _(
        "An administrator must approve what you ordered. The work starts automatically after that, and you get an "
        "e-mail."
    ),
    RequestStatus.QUEUED: _(
        "The work starts automatically when its turn comes. You get an e-mail when the data are ready."
    ),
    RequestStatus.PACKAGING: _(
        "The data are being fetched and checked. You can close this page: you get an e-mail when they are ready."
    ),
    RequestStatus.PARTLY_READY: _("You can download what is ready."),
    RequestStatus.READY: _("Everything that you ordered can be downloaded."),
    RequestStatus.READY_WITH_ERRORS: _(
        "You can download what could be fetched. The list below says what is missing, and why."
    ),
    RequestStatus.FAILED: _("Nothing could be fetched. The list below says why, and what you can do."),
    RequestStatus.REJECTED: _(
        "An administrator did not approve it. Where they gave a reason, it stands below; else ask the administrators."
    ),
    RequestStatus.CANCELLED: _("This order was cancelled; nothing can be downloaded. You can order again at any time."),
    RequestStatus.EXPIRED: _("The time to download the data is over and they were deleted. You can order them again."),
}
WAITING_TO_RETRY = _("Waiting to try again")
WAITING_TO_RETRY_EXPLAINED = _(
    "Something is temporarily unavailable. It is tried again automatically; the list below says when."
)
WAITING_FOR_SPACE_EXPLAINED = _("The server's disk is full at the moment. The work resumes when there is space.")
ON_HOLD = _("On hold")
ON_HOLD_EXPLAINED = _(
    "An administrator has put your order on hold. It resumes when they release it; you need not do anything."
)

READY_WITHOUT_CANCELLED = _("Everything that was not cancelled can be downloaded.")
#: What is said of parts that are in another state than the order: of some of them while the rest goes on.
REST_RETRYING = _("What could not be fetched yet is tried again automatically; the list below says when.")
REST_WITHOUT_SPACE = _("Some of it waits until there is space on the server's disk.")
_MOVING = frozenset({LocatorStatus.QUEUED, LocatorStatus.FETCHING})
_RETRYING = frozenset({LocatorStatus.RETRYING})
_UNDECIDED = frozenset({LocatorStatus.AWAITING_APPROVAL})
_HELD = frozenset({LocatorStatus.ON_HOLD})
_CANCELLED = frozenset({LocatorStatus.CANCELLED})
REST: tuple[tuple[frozenset[LocatorStatus], Promise], ...] = (
    (_MOVING, _("More is on its way; you get an e-mail when it comes.")),
    (_RETRYING, REST_RETRYING),
    (frozenset({LocatorStatus.WAITING_FOR_SPACE}), REST_WITHOUT_SPACE),
    (_UNDECIDED, _("Some of it waits for an administrator's approval.")),
    (_HELD, _("An administrator has put some of it on hold.")),
    (frozenset({LocatorStatus.FAILED}), _("Some of it cannot be delivered; the list below says why.")),
)
#: What the sentence of an order's state says already.
_SAID: Mapping[str, frozenset[frozenset[LocatorStatus]]] = {
    RequestStatus.QUEUED: frozenset({_MOVING}),
    RequestStatus.PACKAGING: frozenset({_MOVING}),
    RequestStatus.PARTLY_READY: frozenset(),
    RequestStatus.AWAITING_APPROVAL: frozenset({_UNDECIDED}),
}
_OPEN = frozenset(_SAID)

#: What a free-text request's state is called, and what that means.
GENERIC_HEADINGS: Mapping[str, Promise] = {
    GenericStatus.UNVERIFIED: _("Confirm your e-mail address"),
    GenericStatus.REGISTERED: _("Waiting for an answer"),
    GenericStatus.COMPLETED: _("Done"),
    GenericStatus.REJECTED: _("Declined"),
    GenericStatus.CANCELLED: _("Cancelled"),
}
GENERIC_EXPLANATIONS: Mapping[str, Promise] = {
    GenericStatus.UNVERIFIED: _(
        "An e-mail with a link was sent to your address. Open the link and press the button on its page: an "
        "administrator reads your request after that. What is not confirmed in time is cancelled."
    ),
    GenericStatus.REGISTERED: _("An administrator looks at it. You get an e-mail when they have decided."),
    GenericStatus.COMPLETED: _("An administrator has done what you asked for."),
    GenericStatus.REJECTED: _("An administrator could not do what you asked for."),
    GenericStatus.CANCELLED: _("This request was cancelled. You can make another one at any time."),
}

#: What a resource's state is called.
RESOURCE_WORDS: Mapping[str, Promise] = {
    LocatorStatus.QUEUED: _("Waiting"),
    LocatorStatus.WAITING_FOR_SPACE: _("Waiting for disk space"),
    LocatorStatus.AWAITING_APPROVAL: _("Waiting for approval"),
    LocatorStatus.ON_HOLD: ON_HOLD,
    LocatorStatus.FETCHING: _("Being fetched"),
    LocatorStatus.RETRYING: _("Will be tried again"),
    LocatorStatus.DELIVERED: _("Ready"),
    LocatorStatus.FAILED: _("Failed"),
    LocatorStatus.CANCELLED: _("Cancelled"),
}
REJECTED = _("Not approved")
#: Of a part whose bytes are all here, while others of its package are not.
FETCHED = _("Fetched")

#: How a state looks: `good`, `busy`, `waiting`, `warning`, `bad` or `over`; the style sheet gives each a colour.
STATUS_STYLES: Mapping[str, str] = {
    RequestStatus.UNVERIFIED: "warning",
    RequestStatus.AWAITING_APPROVAL: "waiting",
    RequestStatus.QUEUED: "waiting",
    RequestStatus.PACKAGING: "busy",
    RequestStatus.PARTLY_READY: "busy",
    RequestStatus.READY: "good",
    RequestStatus.READY_WITH_ERRORS: "warning",
    RequestStatus.FAILED: "bad",
    RequestStatus.REJECTED: "bad",
    RequestStatus.CANCELLED: "over",
    RequestStatus.EXPIRED: "over",
    LocatorStatus.WAITING_FOR_SPACE: "warning",
    LocatorStatus.ON_HOLD: "waiting",
    LocatorStatus.FETCHING: "busy",
    LocatorStatus.RETRYING: "warning",
    LocatorStatus.DELIVERED: "good",
    GenericStatus.COMPLETED: "good",
}

_STILL_WAITING = frozenset({LocatorStatus.QUEUED, LocatorStatus.FETCHING})
_DOWNLOADABLE = frozenset({RequestStatus.READY, RequestStatus.READY_WITH_ERRORS})


@register.filter
def heading(tracked: TrackedRequest) -> str:
    """Name the state of an order."""
    if _is_on_hold(tracked):
        return str(ON_HOLD)
    return str(WAITING_TO_RETRY if _only_retries(tracked) else HEADINGS[shown_status(tracked)])


@register.filter
def explanation(tracked: TrackedRequest) -> str:
    """Say what the state of an order means and what happens next, also to the parts that are in another state."""
    status = shown_status(tracked)
    said = [_main_sentence(tracked, status)]
    if status in _OPEN:
        known = _SAID[status] | ({_HELD} if _is_on_hold(tracked) else set())
        said += [str(sentence) for states, sentence in REST if _has(tracked, states) and states not in known]
        if _only_retries(tracked):
            said = [one for one in said if one not in {str(REST_RETRYING), str(REST_WITHOUT_SPACE)}]
    return " ".join(said)


def _main_sentence(tracked: TrackedRequest, status: str) -> str:
    if _is_on_hold(tracked):
        return str(ON_HOLD_EXPLAINED)
    if status == RequestStatus.READY and _has(tracked, _CANCELLED):
        return str(READY_WITHOUT_CANCELLED)
    if not _only_retries(tracked):
        return str(EXPLANATIONS[status])
    if not _has(tracked, _RETRYING):
        return str(WAITING_FOR_SPACE_EXPLAINED)
    return str(WAITING_TO_RETRY_EXPLAINED)


def _has(tracked: TrackedRequest, states: frozenset[LocatorStatus]) -> bool:
    rejected = LocatorStatus.FAILED in states and any(row.approval == Approval.REJECTED for row in tracked.resources)
    return rejected or any(row.status in states for row in tracked.resources)


@register.filter
def shown_status(tracked: TrackedRequest) -> str:
    """Return the state of an order as it is to its reader: once its links have ended, it is no longer ready."""
    if tracked.status in _DOWNLOADABLE and not gives_something(tracked):
        return RequestStatus.EXPIRED
    return tracked.status


@register.filter
def gives_something(tracked: TrackedRequest) -> bool:
    """Return whether something of an order can be taken now."""
    return any(can_be_taken(link) for link in tracked.links)


@register.filter
def waits_its_turn(tracked: TrackedRequest) -> bool:
    """Return whether its place in the queue is worth telling."""
    return tracked.queue_position is not None and not _only_retries(tracked)


@register.filter
def part_state(resource: TrackedResource) -> str:
    """Name the state of one resource of an order."""
    if resource.approval == Approval.REJECTED:
        return str(REJECTED)
    if resource.status == LocatorStatus.DELIVERED and not resource.downloadable:
        return str(HEADINGS[RequestStatus.EXPIRED])
    return str(FETCHED if is_fetched(resource) else RESOURCE_WORDS[resource.status])


@register.filter
def is_fetched(resource: TrackedResource) -> bool:
    """Return whether all bytes of a part are here, which is delivered with the others of its run."""
    return resource.status == LocatorStatus.FETCHING and 0 < resource.bytes_done == resource.bytes_total


@register.filter
def part_style(resource: TrackedResource) -> str:
    """Return the style of the state of one resource of an order."""
    return (
        "over"
        if resource.status == LocatorStatus.DELIVERED and not resource.downloadable
        else status_style(resource.status)
    )


@register.filter
def is_moving(tracked: TrackedRequest) -> bool:
    """Return whether something of an order is being fetched, so that its progress is worth showing."""
    return any(row.status == LocatorStatus.FETCHING for row in tracked.resources)


@register.filter
def is_past(moment: datetime) -> bool:
    """Return whether a time is over."""
    return moment <= timezone.now()


@register.filter
def generic_heading(status: str) -> str:
    """Name the state of a free-text request."""
    return str(GENERIC_HEADINGS[status])


@register.filter
def generic_explanation(status: str) -> str:
    """Say what the state of a free-text request means."""
    return str(GENERIC_EXPLANATIONS[status])


@register.filter
def status_style(status: str) -> str:
    """Return the style of a state."""
    return STATUS_STYLES.get(status, "waiting")


@register.filter
def can_be_taken(link: TrackedLink) -> bool:
    """Return whether a link works now: its time may be over before the cleaning has come by."""
    return link.status == LinkStatus.ACTIVE and link.expires_at > timezone.now()


@register.filter
def size_in_words(size: int | None) -> str:
    """Return a number of bytes as people write it, in decimal units; empty where it is not known."""
    if size is None:
        return ""
    amount, unit = scale(size)
    decimals = 0 if amount.as_tuple().exponent == 0 else 1
    return f"{number_format(amount, decimal_pos=decimals)}\N{NO-BREAK SPACE}{unit}"


@register.filter
def time_in_words(seconds: float) -> str:
    """Return a time, rounded up so that nobody comes back too early: "40 seconds", "7 minutes"."""
    if seconds < _SEVERAL * _MINUTE:
        count = max(1, math.ceil(seconds))
        return ngettext("{count} second", "{count} seconds", count).format(count=count)
    if seconds < _SEVERAL * _HOUR:
        count = math.ceil(seconds / _MINUTE)
        return ngettext("{count} minute", "{count} minutes", count).format(count=count)
    count = math.ceil(seconds / _HOUR)
    return ngettext("{count} hour", "{count} hours", count).format(count=count)


@register.filter
def to_percent(done: int, total: int) -> int:
    """Return how much of the whole is done, in percent."""
    return min(100, done * 100 // total) if total else 0


@register.filter
def quoted(text: str) -> str:
    """Return what somebody wrote as a quotation in the text of an e-mail."""
    return free_text.quote(text)


@register.filter
def defanged(text: str) -> str:
    """Return what somebody wrote so that no mail program makes links of it."""
    return free_text.defang(text)


@register.filter
def one_line(text: str) -> str:
    """Return it without line breaks."""
    return free_text.to_one_line(text)


@register.filter
def zone_name(moment: datetime) -> str:
    """Name the time zone in which the pages and mails give a time."""
    return timezone.localtime(moment).tzname() or ""


def _is_on_hold(tracked: TrackedRequest) -> bool:
    """Return whether an order waits only for parts that an administrator has stopped."""
    undecided = any(row.status == LocatorStatus.AWAITING_APPROVAL for row in tracked.resources)
    return tracked.status == RequestStatus.AWAITING_APPROVAL and not undecided


def _only_retries(tracked: TrackedRequest) -> bool:
    """Return whether a queued order waits only because something failed for a passing reason."""
    return tracked.status == RequestStatus.QUEUED and not any(row.status in _STILL_WAITING for row in tracked.resources)


@register.simple_tag
def site_root() -> str:
    """Return the path of the site's first page: `/`, or its prefix (`FORCE_SCRIPT_NAME`)."""
    return get_script_prefix()
