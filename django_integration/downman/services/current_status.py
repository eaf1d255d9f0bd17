"""The state of an order at this moment: its links may have ended before the cleaning has come by."""

from collections.abc import Iterable

from downman.domain.request import Part, outcome_of
from downman.domain.status import Approval, LinkStatus, LocatorStatus, RequestStatus
from downman.models import DownloadRequest, ResourceLocator
from downman.services.links import status_now

_DELIVERED = frozenset({RequestStatus.READY, RequestStatus.READY_WITH_ERRORS, RequestStatus.PARTLY_READY})


def current_status(request: DownloadRequest, locators: Iterable[ResourceLocator]) -> RequestStatus:
    """Return the state that follows from the parts of an order, each with its link, as they are now."""
    status = RequestStatus(request.status)
    if status not in _DELIVERED:
        return status
    parts = [
        Part(
            status=LocatorStatus(row.status),
            approval=Approval(row.approval),
            link=status_now(row.link) if row.link is not None else None,
        )
        for row in locators
    ]
    can_be_taken = any(part.status == LocatorStatus.DELIVERED and part.link == LinkStatus.ACTIVE for part in parts)
    return status if can_be_taken or not parts else outcome_of(parts)
