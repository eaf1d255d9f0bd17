"""Names, types, and values that cannot work whatever the others are."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from django.conf import settings as django_settings
from django.core.checks import CheckMessage
from django.db import connection
from django.utils.module_loading import import_string

from downman.checks.findings import found
from downman.domain.policy import PackagingMode
from downman.settings import PREFIX, SETTING_FIELDS, TYPES, AppSettings, unknown

_IS: Mapping[Any, Callable[[Any], bool]] = {
    bool: lambda value: isinstance(value, bool),
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
    str: lambda value: isinstance(value, str),
    Path: lambda value: isinstance(value, str | Path),
}


def unknown_names() -> Iterator[CheckMessage]:
    """Find names that nobody reads."""
    for name in dir(django_settings):
        if name.startswith(PREFIX) and name not in SETTING_FIELDS:
            yield found("E001", unknown(name, SETTING_FIELDS))


def wrong_types() -> Iterator[CheckMessage]:
    """Find values that are of another type than their setting; the value is not repeated, it may be a secret."""
    for name, attribute in SETTING_FIELDS.items():
        kind = TYPES[attribute]
        if hasattr(django_settings, name) and not _is(getattr(django_settings, name), kind):
            yield found("E008", f"{name} is not {in_words(kind)}.")


def _is(value: Any, kind: Any) -> bool:
    if get_origin(kind) is tuple:
        return isinstance(value, list | tuple) and all(_is(item, get_args(kind)[0]) for item in value)
    return _IS[kind](value)


def in_words(kind: Any) -> str:
    """Say what a type is to those who write settings."""
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}
    if get_origin(kind) is tuple:
        return {int: "a list of whole numbers", str: "a list of texts", Path: "a list of paths"}[get_args(kind)[0]]
    return words[kind]


def impossible(settings: AppSettings) -> Iterator[CheckMessage]:
    """Find what does not exist."""
    if settings.behaviour not in set(PackagingMode):
        yield found("E002", f"DOWNLOADS_BEHAVIOUR is {settings.behaviour!r}.")
    try:
        import_string(settings.trigger)
    except ImportError as exc:
        yield found("E005", f"DOWNLOADS_TRIGGER cannot be imported: {exc}.")
    if connection.vendor != "postgresql":
        yield found("E024", f"The site's database is {connection.display_name}.")
