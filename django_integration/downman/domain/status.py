"""The states of everything downman keeps, and the only moves between them.

Each state is one enum; each enum has one table of transitions. Everything else (final states, constraints in the
database, guards of updates, the reference page) is computed from these tables.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

Status = TypeVar("Status", bound=StrEnum)


class RequestStatus(StrEnum):
    """Where one order stands; always the value of `request.outcome_of` for its locators."""

    UNVERIFIED = "unverified"  #: Waits until the person who ordered has confirmed their e-mail address.
    AWAITING_APPROVAL = "awaiting_approval"  #: Every part that is left waits for an administrator.
    QUEUED = "queued"  #: Waits for a worker: to start, or to try again later.
    PACKAGING = "packaging"  #: A worker is fetching and zipping it.
    PARTLY_READY = "partly_ready"  #: Some parts can be downloaded; others are on their way or wait for a decision.
    READY = "ready"  #: Everything that was ordered can be downloaded.
    READY_WITH_ERRORS = "ready_with_errors"  #: Some parts can be downloaded; the others failed or were rejected.
    FAILED = "failed"  #: Nothing could be delivered.
    REJECTED = "rejected"  #: An administrator rejected every part.
    CANCELLED = "cancelled"  #: Cancelled by the requester or an administrator; nothing can be taken.
    EXPIRED = "expired"  #: It was delivered, and its links have ended.


class LocatorStatus(StrEnum):
    """Where one resource of an order stands."""

    QUEUED = "queued"  #: Waits for a worker.
    WAITING_FOR_SPACE = "waiting_for_space"  #: Waits until there is room on the disk.
    AWAITING_APPROVAL = "awaiting_approval"  #: Waits for an administrator's decision.
    ON_HOLD = "on_hold"  #: An administrator has stopped it, until they release it.
    FETCHING = "fetching"  #: A worker is fetching, proving or zipping it.
    RETRYING = "retrying"  #: The source failed for a passing reason; a later run tries again.
    DELIVERED = "delivered"  #: It is in a package or behind a link of its own.
    FAILED = "failed"  #: It failed permanently; the error says why.
    CANCELLED = "cancelled"  #: Cancelled or rejected; it will not be delivered.


class GenericStatus(StrEnum):
    """Where a free-text request, which people handle, stands."""

    UNVERIFIED = "unverified"  #: Waits until the person who asked has confirmed their e-mail address.
    REGISTERED = "registered"  #: Waits for an administrator.
    COMPLETED = "completed"  #: An administrator has done what was asked for.
    REJECTED = "rejected"  #: An administrator has declined it.
    CANCELLED = "cancelled"  #: The requester no longer wants it.


class Approval(StrEnum):
    """Whether a resource of an order needs, and has, an administrator's consent."""

    NOT_REQUIRED = "not_required"  #: Anybody may have it.
    PENDING = "pending"  #: An administrator has yet to decide.
    ACCEPTED = "accepted"  #: An administrator accepted it.
    REJECTED = "rejected"  #: An administrator rejected it.


class LinkStatus(StrEnum):
    """Whether the URL of a package or file can be used."""

    ACTIVE = "active"  #: It can be taken until it expires.
    CANCELLED_BY_USER = "cancelled_by_user"  #: The requester cancelled it.
    CANCELLED_BY_ADMIN = "cancelled_by_admin"  #: An administrator cancelled it.
    EXPIRED = "expired"  #: Its time is over.


class NoticeStatus(StrEnum):
    """Where one mail stands."""

    PENDING = "pending"  #: Has not been tried yet.
    SENT = "sent"  #: The mail server took it.
    RETRYING = "retrying"  #: The mail server did not take it; it is tried again later.
    FAILED = "failed"  #: It was given up; the last error says why.


REQUEST_TRANSITIONS: Mapping[RequestStatus, frozenset[RequestStatus]] = {
    RequestStatus.UNVERIFIED: frozenset(
        {
            RequestStatus.QUEUED,
            RequestStatus.AWAITING_APPROVAL,
            # Also when the address was not confirmed in time.
            RequestStatus.CANCELLED,
            RequestStatus.REJECTED,
        }
    ),
    RequestStatus.AWAITING_APPROVAL: frozenset(
        {
            RequestStatus.QUEUED,
            RequestStatus.REJECTED,
            RequestStatus.CANCELLED,
            # The last part that was left is rejected, after others had failed, or were delivered and have expired.
            RequestStatus.FAILED,
            RequestStatus.EXPIRED,
        }
    ),
    RequestStatus.QUEUED: frozenset(
        {
            RequestStatus.PACKAGING,
            RequestStatus.AWAITING_APPROVAL,
            RequestStatus.CANCELLED,
            # The last part that was left is cancelled, after others had failed, or were delivered and have expired.
            RequestStatus.FAILED,
            RequestStatus.EXPIRED,
        }
    ),
    RequestStatus.PACKAGING: frozenset(
        {
            RequestStatus.QUEUED,
            RequestStatus.AWAITING_APPROVAL,
            RequestStatus.PARTLY_READY,
            RequestStatus.READY,
            RequestStatus.READY_WITH_ERRORS,
            RequestStatus.FAILED,
            RequestStatus.CANCELLED,
            # What was left failed, and what had been delivered has expired meanwhile.
            RequestStatus.EXPIRED,
        }
    ),
    RequestStatus.PARTLY_READY: frozenset(
        {
            RequestStatus.READY,
            RequestStatus.READY_WITH_ERRORS,
            RequestStatus.CANCELLED,
            # Its link ended or was cancelled while other parts were still on their way.
            RequestStatus.QUEUED,
            RequestStatus.PACKAGING,
            RequestStatus.AWAITING_APPROVAL,
        }
    ),
    RequestStatus.READY: frozenset(
        {
            RequestStatus.CANCELLED,
            RequestStatus.EXPIRED,
            # One of its parts was cancelled: the others are packaged again.
            RequestStatus.QUEUED,
            RequestStatus.PARTLY_READY,
        }
    ),
    RequestStatus.READY_WITH_ERRORS: frozenset(
        {
            RequestStatus.CANCELLED,
            RequestStatus.EXPIRED,
            RequestStatus.QUEUED,
            RequestStatus.PARTLY_READY,
            # The part that could be taken was cancelled; what is left had failed.
            RequestStatus.FAILED,
        }
    ),
    RequestStatus.FAILED: frozenset(),
    RequestStatus.REJECTED: frozenset(),
    RequestStatus.CANCELLED: frozenset(),
    RequestStatus.EXPIRED: frozenset(),
}

LOCATOR_TRANSITIONS: Mapping[LocatorStatus, frozenset[LocatorStatus]] = {
    LocatorStatus.QUEUED: frozenset(
        {LocatorStatus.FETCHING, LocatorStatus.WAITING_FOR_SPACE, LocatorStatus.ON_HOLD, LocatorStatus.CANCELLED}
    ),
    LocatorStatus.WAITING_FOR_SPACE: frozenset(
        {LocatorStatus.FETCHING, LocatorStatus.ON_HOLD, LocatorStatus.CANCELLED}
    ),
    LocatorStatus.AWAITING_APPROVAL: frozenset({LocatorStatus.QUEUED, LocatorStatus.CANCELLED}),
    LocatorStatus.ON_HOLD: frozenset({LocatorStatus.QUEUED, LocatorStatus.CANCELLED}),
    LocatorStatus.FETCHING: frozenset(
        {
            LocatorStatus.DELIVERED,
            LocatorStatus.RETRYING,
            LocatorStatus.WAITING_FOR_SPACE,
            LocatorStatus.FAILED,
            LocatorStatus.CANCELLED,
            LocatorStatus.ON_HOLD,
            # Too large for the public.
            LocatorStatus.AWAITING_APPROVAL,
            # The worker was stopped or lost: the work is handed back.
            LocatorStatus.QUEUED,
        }
    ),
    LocatorStatus.RETRYING: frozenset(
        {
            LocatorStatus.FETCHING,
            LocatorStatus.WAITING_FOR_SPACE,
            LocatorStatus.ON_HOLD,
            LocatorStatus.CANCELLED,
        }
    ),
    LocatorStatus.DELIVERED: frozenset(
        {
            LocatorStatus.CANCELLED,
            # Another part of its package was cancelled: it is packaged again, without that one.
            LocatorStatus.QUEUED,
        }
    ),
    LocatorStatus.FAILED: frozenset(),
    LocatorStatus.CANCELLED: frozenset(),
}

LINK_TRANSITIONS: Mapping[LinkStatus, frozenset[LinkStatus]] = {
    LinkStatus.ACTIVE: frozenset({LinkStatus.CANCELLED_BY_USER, LinkStatus.CANCELLED_BY_ADMIN, LinkStatus.EXPIRED}),
    LinkStatus.CANCELLED_BY_USER: frozenset(),
    LinkStatus.CANCELLED_BY_ADMIN: frozenset(),
    LinkStatus.EXPIRED: frozenset(),
}

GENERIC_TRANSITIONS: Mapping[GenericStatus, frozenset[GenericStatus]] = {
    # Cancelled also when the address was not confirmed in time.
    GenericStatus.UNVERIFIED: frozenset({GenericStatus.REGISTERED, GenericStatus.CANCELLED}),
    GenericStatus.REGISTERED: frozenset({GenericStatus.COMPLETED, GenericStatus.REJECTED, GenericStatus.CANCELLED}),
    GenericStatus.COMPLETED: frozenset(),
    GenericStatus.REJECTED: frozenset(),
    GenericStatus.CANCELLED: frozenset(),
}

NOTICE_TRANSITIONS: Mapping[NoticeStatus, frozenset[NoticeStatus]] = {
    NoticeStatus.PENDING: frozenset({NoticeStatus.SENT, NoticeStatus.RETRYING, NoticeStatus.FAILED}),
    NoticeStatus.RETRYING: frozenset({NoticeStatus.SENT, NoticeStatus.RETRYING, NoticeStatus.FAILED}),
    NoticeStatus.SENT: frozenset(),
    # An administrator may ask for it to be sent again.
    NoticeStatus.FAILED: frozenset({NoticeStatus.RETRYING}),
}


def sources_of(transitions: Mapping[Status, frozenset[Status]], target: Status) -> frozenset[Status]:
    """Return the states from which `target` may be entered."""
    return frozenset(source for source, targets in transitions.items() if target in targets)


def get_final_statuses(transitions: Mapping[Status, frozenset[Status]]) -> frozenset[Status]:
    """Return the states that are never left."""
    return frozenset(source for source, targets in transitions.items() if not targets)


#: A locator in one of these needs no more work; what is left of its life is its link's.
SETTLED_LOCATORS = frozenset({LocatorStatus.DELIVERED, LocatorStatus.FAILED, LocatorStatus.CANCELLED})
#: A locator in one of these is taken by the next run for its request, once its time has come.
STARTABLE_LOCATORS = sources_of(LOCATOR_TRANSITIONS, LocatorStatus.FETCHING)
#: A locator in one of these continues only when an administrator says so.
STOPPED_LOCATORS = frozenset({LocatorStatus.AWAITING_APPROVAL, LocatorStatus.ON_HOLD})
#: A request in one of these has, or may get, work for a worker.
OPEN_REQUESTS = frozenset({RequestStatus.QUEUED, RequestStatus.PACKAGING, RequestStatus.PARTLY_READY})
#: A request in one of these is over: nothing of it can be taken, and nothing will come.
ENDED_REQUESTS = get_final_statuses(REQUEST_TRANSITIONS)
#: A notice in one of these is still owed.
UNSENT_NOTICES = frozenset({NoticeStatus.PENDING, NoticeStatus.RETRYING})


def describe_status(status: str) -> str:
    """Return a state in words, as terminals, logs and the admin show it: `partly ready`."""
    return status.replace("_", " ")
