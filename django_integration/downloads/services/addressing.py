"""Changing the address of an order, by an administrator."""

from django_integration.downloads.services.changes import changing
from django_integration.downloads.services.notices import redirect_owed
from django_integration.downloads.services.ordering import checked_email


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
