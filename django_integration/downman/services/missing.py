"""What an order did not give, or gives no longer."""

from downman.domain.status import ENDED_REQUESTS, SETTLED_LOCATORS, Approval, LinkStatus, LocatorStatus, RequestStatus
from downman.models import DownloadRequest, ResourceLocator
from downman.services.links import status_now


def is_missing(locator: ResourceLocator, request: DownloadRequest) -> bool:
    """Return whether a part of an order that has come to its end can not, or no longer, be taken.

    One that an administrator rejected does not count: the same order again would only ask for the same decision.
    """
    if request.status not in ENDED_REQUESTS | {RequestStatus.READY, RequestStatus.READY_WITH_ERRORS}:
        return False
    if locator.status == LocatorStatus.DELIVERED and locator.link is not None:
        return status_now(locator.link) != LinkStatus.ACTIVE
    return locator.status in SETTLED_LOCATORS and locator.approval != Approval.REJECTED
