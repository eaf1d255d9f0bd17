"""What is checked of a person who orders or asks for something: the e-mail address and the language."""

import re

from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import get_supported_language_variant
from django.utils.translation import gettext as _

from downman.domain.errors import OrderRefused

#: RFC 5646, as far as a web site needs it.
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
_LONGEST_EMAIL = 254


def checked_email(email: str) -> str:
    """Return an e-mail address as it is stored; raises `OrderRefused` for what is none."""
    email = email.strip(" ")
    try:
        if len(email) > _LONGEST_EMAIL or not email.isprintable():
            raise ValidationError("")
        validate_email(email)
    except ValidationError as exc:
        raise OrderRefused(
            field="email", message=_("This is not an e-mail address. Write it like name@example.org.")
        ) from exc
    return email


def checked_language(language: str) -> str:
    """Return the language in which the site writes to somebody; raises `OrderRefused` for what is none."""
    if not language:
        return django_settings.LANGUAGE_CODE
    if not _LANGUAGE.fullmatch(language):
        raise OrderRefused(field="language", message=_("This is not a language. Write a code like en or es."))
    try:
        return get_supported_language_variant(language.lower())
    except LookupError:
        return django_settings.LANGUAGE_CODE
