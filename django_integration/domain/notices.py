"""The kinds of mail, and which of them an order's state is worth."""

from collections.abc import Mapping
from enum import StrEnum

from django_integration.domain.status import RequestStatus


class NoticeKind(StrEnum):
    """What a mail says."""

    RECEIVED = "received"  #: The order was stored; where it can be followed.
    PROGRESS = "progress"  #: Some parts can be taken; others are on their way.
    READY = "ready"  #: Everything can be taken.
    READY_WITH_ERRORS = "ready_with_errors"  #: Some parts can be taken; the others will not come.
    FAILED = "failed"  #: Nothing could be delivered, and why.


#: The mail that is owed when the work of a run leaves a request in a state.
NOTICE_FOR: Mapping[RequestStatus, NoticeKind] = {
    RequestStatus.PARTLY_READY: NoticeKind.PROGRESS,
    RequestStatus.READY: NoticeKind.READY,
    RequestStatus.READY_WITH_ERRORS: NoticeKind.READY_WITH_ERRORS,
    RequestStatus.FAILED: NoticeKind.FAILED,
}
