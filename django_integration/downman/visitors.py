"""Who visits: a user of the site, whatever model the site has for its users, and from which address."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model
from django.http import HttpRequest

from downman.client_address import get_client_address
from downman.settings import app_settings


def get_visitor(request: HttpRequest) -> Model | None:
    """Return the user who has logged in; None where nobody has, or the site has no users."""
    visitor = getattr(request, "user", None)
    return visitor if isinstance(visitor, get_user_model()) and visitor.is_authenticated else None


def get_email(user: Model) -> str:
    """Return the e-mail address of a user, whatever the site's model calls it; empty where there is none."""
    return str(getattr(user, getattr(user, "EMAIL_FIELD", None) or "email", None) or "")


def get_requester(request: HttpRequest) -> dict[str, Any]:
    """Return what the services take to know who orders: the user, and the address that limits are counted for.

    Staff are not limited, unless the site says so: for the services they are without an address.
    """
    user = get_visitor(request)
    is_exempt = getattr(user, "is_staff", False) and not app_settings().limit_staff
    return {"user": user, "client": None if is_exempt else get_client_address(request)}
