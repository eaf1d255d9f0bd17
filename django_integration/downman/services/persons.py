"""Who counts as one person: for limits, and for whose turn it is."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q

from downman.email_addresses import to_address_key
from downman.models import DownloadRequest, GenericRequest
from downman.visitors import get_email


@dataclass(frozen=True, kw_only=True)
class Person:
    """A user of the site; where nobody has logged in, an e-mail address.

    Somebody who has logged in does not share with those who only write the same address.
    """

    user_id: Any = None
    email: str = ""

    @property
    def key(self) -> str:
        """A text that no other person has."""
        return f"user {self.user_id}" if self.user_id is not None else address_key(self.email)

    def owns(self, *, path: str = "") -> Q:
        """Return the condition that an order is theirs; `path` leads to it, as in `request__`."""
        if self.user_id is not None:
            return Q(**{f"{path}user": self.user_id})
        return Q(**{f"{path}user": None, f"{path}email": self.email})


def address_key(email: str) -> str:
    """Return the text by which all spellings of one mailbox are counted."""
    return f"address {to_address_key(email)}"


def get_person(*, user: Model | None, email: str) -> Person:
    """Return the person who orders."""
    return Person(user_id=user.pk) if user is not None else Person(email=email)


def get_owner(order: DownloadRequest | GenericRequest) -> Person:
    """Return the person who placed an order."""
    return Person(user_id=order.user_id) if order.user_id is not None else Person(email=order.email)


def is_own_address(user: Model | None, email: str) -> bool:
    """Return whether an address is that of the user who has logged in."""
    return user is not None and get_email(user).casefold() == email.casefold()
