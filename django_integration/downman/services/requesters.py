"""What is checked of a person who orders or asks for something: the e-mail address and the language."""

import re

from django.conf import settings as django_settings
from django.utils.translation import get_supported_language_variant, gettext_noop
from django.utils.translation import gettext as _

from downman.domain.errors import OrderRefused
from downman.email_addresses import AddressFault, InvalidEmailAddress, normalize_email
from downman.settings import app_settings

#: RFC 5646, as far as a web site needs it.
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
_SENTENCES = {
    AddressFault.SYNTAX: gettext_noop("This is not an e-mail address. Write it like name@example.org."),
    AddressFault.PRIVATE_DOMAIN: gettext_noop(
        "No e-mail can be sent to this address: the Internet does not know what stands after the @. "
        "Write it like name@example.org."
    ),
    AddressFault.NOT_ASCII: gettext_noop(
        "This portal cannot send e-mails to an address with such letters before the @. Write another address."
    ),
}


def checked_email(email: str) -> str:
    """Return an e-mail address as it is stored: its one spelling; raises `OrderRefused` for what is none."""
    settings = app_settings()
    try:
        return normalize_email(
            email.strip(" "), internal_domains=settings.internal_mail_domains, smtputf8=settings.mail_smtputf8
        )
    except InvalidEmailAddress as exc:
        raise OrderRefused(field="email", message=_(_SENTENCES[exc.fault])) from exc


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
