"""Changing the e-mail address of an order, by an administrator or by who has the order's URL."""

from django.utils.translation import gettext as _

from downman.domain.errors import IllegalTransition, OrderRefused
from downman.domain.status import ENDED_REQUESTS
from downman.services import verification
from downman.services.readdressing import REASON, readdress
from downman.services.requesters import checked_email
from downman.services.transitions import REQUESTER, OrderChange, lock_order

#: Addresses that the requester of one order may write after the first one.
MOST_CHANGES = 3


def change_email(request_id: int, email: str, *, actor: str) -> None:
    """Send all further mails, and those that could not be sent yet, to another address. Raises `OrderRefused`."""
    email = checked_email(email)
    with lock_order(request_id, actor=actor) as change:
        if email != change.request.email:
            readdress(change, email)
            if not change.request.address_verified:
                verification.drop_unsent(change.request)
                verification.ask(change.request, email)


def correct_email(request_id: int, email: str) -> None:
    """Do it for the requester: a new address is confirmed first where the site asks for that.

    Raises `OrderRefused`, and `IllegalTransition` for an order that has ended.
    """
    email = checked_email(email)
    with lock_order(request_id, actor=REQUESTER) as change:
        request = change.request
        if request.status in ENDED_REQUESTS:
            raise IllegalTransition(status=request.status)
        if email == request.email:
            return
        _check_count(change)
        verification.drop_unsent(request)
        if not request.address_verified:
            readdress(change, email)
            verification.ask(request, email)
        elif verification.is_needed(email, request.user):
            change.add_event("another address was asked for")
            verification.ask(request, email)
        else:
            readdress(change, email)


def _check_count(change: OrderChange) -> None:
    asked = (REASON, "another address was asked for")
    if change.request.events.filter(actor=REQUESTER, reason__in=asked).count() >= MOST_CHANGES:
        message = _("The e-mail address of this order was changed often enough. Ask the portal's administrators.")
        raise OrderRefused(field="email", message=message)
