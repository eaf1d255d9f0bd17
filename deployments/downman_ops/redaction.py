"""Removes secrets from what others have written: messages of runs, which quote whatever went wrong in them.

Rather too much is removed than too little: who needs the rest finds it in the run's log.
"""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from downman.domain.url_secrets import CLEAR_NAME, DOUBTFUL_NAME, REMOVED
from downman_ops.launch.environment import get_all_secret_names

#: A secret so short is a word like any other, which would be removed from the midst of others.
SHORTEST = 6
#: What follows is cut off, as the time for the patterns grows with the square of the length.
LONGEST = 2_000

# A value in quotes, which may be cut off or escaped as in JSON within a string; or up to the next space, but for what
# ends a sentence.
_QUOTED = r"""[bru]?'(?:\\.|[^'\\])*(?:'|$)|[bru]?"(?:\\.|[^"\\])*(?:"|$)|\\['"].*?(?:\\['"]|$)"""
_VALUE = rf"""(?:{_QUOTED}|\S*[^\s,;:.)\]}}'"]|\S+)"""
_PAIR = rf"[\w-]+=(?:{_QUOTED}|[^\s,]*)"
_QUOTE = r"""\\?['"]"""
# `name=value`, `name: value`, `"name": "value"`, `("name", "value")`.
_SEPARATOR = rf"(?:(?:{_QUOTE})?\s*[=:]|{_QUOTE}\s*,)\s*"
# The same without `name: value`, which is a sentence as often.
_STRICT_SEPARATOR = rf"(?:\s*=|{_QUOTE}\s*[=:,])\s*"
_HEADER = r"(?:set-)?cookie2?"
_REMOVED_AFTER = tuple(
    re.compile(f"(?i)({before})(?:{value})", re.MULTILINE)
    for before, value in (
        # Several pairs, or a scheme and what belongs to it.
        (rf"\b{_HEADER}{_SEPARATOR}", rf"{_QUOTED}|.+"),
        (
            rf"\b(?:proxy-)?authorization{_SEPARATOR}",
            rf"{_QUOTED}|(?:[a-z][\w-]* +)?(?:{_PAIR}(?:,\s*{_PAIR})*|{_VALUE})",
        ),
        (r"\bauth +(?:plain|login) +", r"\S+"),
        (r"\bbearer +", r"[\w.~+/-]{16,}=*"),
        (rf"(?<![\w-]){CLEAR_NAME}{_SEPARATOR}", rf"(?:(?:basic|bearer) +)?{_VALUE}"),
        (rf"(?<![\w-]){DOUBTFUL_NAME}{_STRICT_SEPARATOR}", _VALUE),
        # In URLs. A password may have any character; what begins like a port is none.
        (r"//(?=[^\s:/?#@]*:(?!\d{1,5}(?:[/?#\s]|$))\S*@)", r"\S*(?=@)"),
        (r"//(?=[^\s/?#]*@)", r"[^\s/?#]*(?=@)"),
        (r"\b[a-z][a-z0-9+.-]*://[^\s?#]*[?#]", _VALUE),
        # What opens an order, its packages or a free-text request.
        (r"/(?:links|confirm)/", r"""[^\s/?#'"]+"""),
        (r"/(?:(?:generic-)?requests|generic)/", r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"),
    )
)
#: Settings that Django hides by their names, though they are no secrets but what messages are about.
_NO_SECRETS = frozenset({
    "AUTHENTICATION_BACKENDS", "AUTH_PASSWORD_VALIDATORS", "AUTH_USER_MODEL", "AXES_PASSWORD_FORM_FIELD",
    "DEFAULT_AUTHENTICATION_CLASSES", "DOWNLOADS_PREFECT_API_URL", "KEY_FUNCTION", "KEY_PREFIX", "PASSWORD_HASHERS",
})  # fmt: skip


def redact(text: str) -> str:
    """Return a text without our secrets and the site's, and without what looks like one.

    That is: logins, queries and fragments of URLs, what opens an order, headers that log in, and what is called a
    password, key, signature or the like.
    """
    for secret in sorted(_get_secrets(), key=len, reverse=True):
        text = text.replace(secret, REMOVED)
    text = text[:LONGEST]
    for pattern in _REMOVED_AFTER:
        text = pattern.sub(rf"\g<1>{REMOVED}", text)
    return text


def _get_secrets() -> set[str]:
    secrets = {os.environ.get(name, "") for name in get_all_secret_names()} | set(_get_secrets_of_site())
    # Of a login, the password alone would open as much.
    secrets |= {secret.partition(":")[2] for secret in secrets if "://" not in secret}
    return {written for secret in secrets if len(secret) >= SHORTEST for written in (secret, quote(secret, safe=""))}


def _get_secrets_of_site() -> Iterator[str]:
    from django.conf import settings  # noqa: PLC0415 - only where there is a site
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    if not settings.configured:
        return
    for name in dir(settings):
        if name.isupper():
            try:
                yield from _get_secrets_in({name: getattr(settings, name)})
            except ImproperlyConfigured:
                # An empty SECRET_KEY.
                continue


def _get_secrets_in(value: Any, *, is_secret: bool = False) -> Iterator[str]:
    from django.views.debug import SafeExceptionReporterFilter  # noqa: PLC0415 - only where there is a site

    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in _NO_SECRETS:
                hidden = is_secret or bool(SafeExceptionReporterFilter.hidden_settings.search(str(name)))
                yield from _get_secrets_in(inner, is_secret=hidden)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from _get_secrets_in(inner, is_secret=is_secret)
    elif is_secret and isinstance(value, str):
        yield value
    elif isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif is_secret and isinstance(value, bytes):
        yield value.decode(errors="replace")
