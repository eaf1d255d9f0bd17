"""Changing the address of an order, by an administrator."""

from downman.services.notices import redirect_owed
from downman.services.ordering import checked_email
from downman.services.transitions import changing


def change_address(request_id: int, email: str, *, actor: str) -> None:
    """Send all further mails, and those that could not be sent yet, to another address. Raises `OrderRefused`."""
    email = checked_email(email)
    with changing(request_id, actor=actor) as change:
        old = change.request.email
        if email != old:
            change.set_facts(email=email)
            redirect_owed(change.request, old=old, new=email)
            # The addresses themselves are personal, and events are kept.
            change.note("the address was changed")
