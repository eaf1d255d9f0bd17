"""Changing the e-mail address of an order, by an administrator."""

from downman.services.notices import redirect_unsent
from downman.services.requesters import checked_email
from downman.services.transitions import lock_order


def change_email(request_id: int, email: str, *, actor: str) -> None:
    """Send all further mails, and those that could not be sent yet, to another address. Raises `OrderRefused`."""
    email = checked_email(email)
    with lock_order(request_id, actor=actor) as change:
        old = change.request.email
        if email != old:
            change.update_fields(email=email)
            redirect_unsent(change.request, old=old, new=email)
            # The addresses themselves are personal, and events are kept.
            change.add_event("the address was changed")
