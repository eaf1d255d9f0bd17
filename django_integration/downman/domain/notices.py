"""The kinds of mail, and which of them an order's state is worth."""

from collections.abc import Mapping
from enum import StrEnum

from downman.domain.status import GenericStatus, RequestStatus


class NoticeKind(StrEnum):
    """What a mail says."""

    VERIFY_ADDRESS = "verify_address"  #: An order waits for its address to be confirmed; the link that does it.
    ADDRESS_CHANGED = "address_changed"  #: To the old address: what is about the order goes to another one now.
    RECEIVED = "received"  #: The order was stored; where it can be followed.
    PROGRESS = "progress"  #: Some parts can be taken; others are on their way.
    READY = "ready"  #: Everything can be taken.
    READY_WITH_ERRORS = "ready_with_errors"  #: Some parts can be downloaded; the others will not come.
    FAILED = "failed"  #: Nothing could be delivered, and why.
    REJECTED = "rejected"  #: An administrator rejected every part.
    CANCELLED = "cancelled"  #: An administrator cancelled the order.
    EXPIRING = "expiring"  #: Its links end soon; how to keep them longer.
    ENDED_EARLY = "ended_early"  #: A link was ended before its time, because the disk was needed.
    APPROVAL_NEEDED = "approval_needed"  #: To administrators: an order waits for their decision.
    GENERIC_VERIFY_ADDRESS = "generic_verify_address"  #: The same as `verify_address` for a generic request.
    GENERIC_RECEIVED = "generic_received"  #: A generic request was stored; where it can be followed.
    GENERIC_NEEDED = "generic_needed"  #: To administrators: a generic request waits for them.
    GENERIC_COMPLETED = "generic_completed"  #: An administrator completed a generic request, with their answer.
    GENERIC_REJECTED = "generic_rejected"  #: An administrator rejected a generic request, with their answer.


#: The mail that is owed to the requester when a request comes into a state.
NOTICE_FOR: Mapping[RequestStatus, NoticeKind] = {
    RequestStatus.PARTLY_READY: NoticeKind.PROGRESS,
    RequestStatus.READY: NoticeKind.READY,
    RequestStatus.READY_WITH_ERRORS: NoticeKind.READY_WITH_ERRORS,
    RequestStatus.FAILED: NoticeKind.FAILED,
    RequestStatus.REJECTED: NoticeKind.REJECTED,
}
#: The same for a generic request.
NOTICE_FOR_GENERIC: Mapping[GenericStatus, NoticeKind] = {
    GenericStatus.COMPLETED: NoticeKind.GENERIC_COMPLETED,
    GenericStatus.REJECTED: NoticeKind.GENERIC_REJECTED,
}
#: Mails that ask whether an address is the right one: nothing else is sent before.
VERIFICATIONS = frozenset({NoticeKind.VERIFY_ADDRESS, NoticeKind.GENERIC_VERIFY_ADDRESS})
#: What goes to the administrators, not to the one who ordered.
FOR_ADMINISTRATORS = frozenset({NoticeKind.APPROVAL_NEEDED, NoticeKind.GENERIC_NEEDED})
#: What only repeats what the page has just said.
RECEIPTS = frozenset({NoticeKind.RECEIVED, NoticeKind.GENERIC_RECEIVED})
