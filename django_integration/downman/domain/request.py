"""What an order is worth saying about: its parts, and the one state that follows from them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from downman.domain.status import SETTLED_LOCATORS, STOPPED_LOCATORS, Approval, LinkStatus, LocatorStatus, RequestStatus

#: Minimum x, minimum y, maximum x, maximum y, in the units of the CRS that goes with it.
BoundingBox = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class OrderLine:
    """One resource that a person asks for, with its parameters, checked against nothing yet."""

    resource: str
    format: str = ""
    bbox: BoundingBox | None = None
    crs: str = ""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a person asks for, checked against nothing yet."""

    email: str
    language: str = ""
    lines: tuple[OrderLine, ...]


@dataclass(frozen=True, kw_only=True)
class FreeTextRequest:
    """What a person asks for in their own words, checked against nothing yet."""

    email: str
    description: str
    language: str = ""
    organisation: str = ""
    #: What the data are needed for.
    usage: str = ""
    #: A view of the portal's map, in the portal's own words.
    map_view: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """What the state of a request depends on, of one of its locators."""

    status: LocatorStatus
    approval: Approval = Approval.NOT_REQUIRED
    #: The state of the link under which it was delivered; None until then.
    link: LinkStatus | None = None


def outcome_of(parts: Collection[Part], *, cancelled: bool = False, verified: bool = True) -> RequestStatus:
    """Return the state of a request from its parts; there is no other source of it.

    `cancelled`: the request was cancelled as a whole, so that a part that had failed before does not count. A
    delivered part whose link is cancelled becomes a cancelled part. `verified`: nobody has to confirm the e-mail
    address any more.
    """
    if cancelled:
        return RequestStatus.CANCELLED
    downloadable = [part for part in parts if part.status == LocatorStatus.DELIVERED and part.link == LinkStatus.ACTIVE]
    delivered = [part for part in parts if part.status == LocatorStatus.DELIVERED]
    open_parts = [part for part in parts if part.status not in SETTLED_LOCATORS]
    if open_parts and not verified:
        return RequestStatus.UNVERIFIED
    if open_parts:
        return RequestStatus.PARTLY_READY if downloadable else _waiting(open_parts)
    if downloadable:
        refused = any(part.status == LocatorStatus.FAILED or part.approval == Approval.REJECTED for part in parts)
        return RequestStatus.READY_WITH_ERRORS if refused else RequestStatus.READY
    return RequestStatus.EXPIRED if delivered else _empty_handed(parts)


def _empty_handed(parts: Collection[Part]) -> RequestStatus:
    if any(part.status == LocatorStatus.FAILED for part in parts):
        return RequestStatus.FAILED
    if parts and all(part.approval == Approval.REJECTED for part in parts):
        return RequestStatus.REJECTED
    return RequestStatus.CANCELLED


def _waiting(open_parts: Collection[Part]) -> RequestStatus:
    if any(part.status == LocatorStatus.FETCHING for part in open_parts):
        return RequestStatus.PACKAGING
    if all(part.status in STOPPED_LOCATORS for part in open_parts):
        return RequestStatus.AWAITING_APPROVAL
    return RequestStatus.QUEUED
