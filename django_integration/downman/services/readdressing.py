"""Giving an order another e-mail address."""

from downman.domain.notices import NoticeKind
from downman.models import RequestEvent
from downman.services.notices import enqueue_notice, redirect_unsent
from downman.services.transitions import REQUESTER, OrderChange

#: What the events of an order say of it. The addresses themselves are personal, and events are kept.
REASON = "the address was changed"


def readdress(change: OrderChange, email: str) -> None:
    """Send all further mails to another address; where the requester changed it, tell the old one, and the new one."""
    request, old = change.request, change.request.email
    change.update_fields(email=email)
    moved = redirect_unsent(request, old=old, new=email)
    event: RequestEvent = change.add_event(REASON)
    if change.actor == REQUESTER and request.address_verified:
        enqueue_notice(request, NoticeKind.ADDRESS_CHANGED, fact=f"event-{event.pk}", recipient=old)
        if not moved:
            # What had been sent went to the old one: this has the link to the order's page.
            enqueue_notice(request, NoticeKind.RECEIVED, fact=f"event-{event.pk}")
