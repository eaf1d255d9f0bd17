"""Who visits: a user of the site, whatever model the site has for its users."""

from django.contrib.auth import get_user_model
from django.db.models import Model
from django.http import HttpRequest


def get_visitor(request: HttpRequest) -> Model | None:
    """Return the user who has logged in; None where nobody has, or the site has no users."""
    visitor = getattr(request, "user", None)
    return visitor if isinstance(visitor, get_user_model()) and visitor.is_authenticated else None


def get_email(user: Model) -> str:
    """Return the e-mail address of a user, whatever the site's model calls it; empty where there is none."""
    return str(getattr(user, getattr(user, "EMAIL_FIELD", None) or "email", None) or "")
