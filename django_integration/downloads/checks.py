"""What is wrong with the settings, and what to do about it; run by every management command and by `check`."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import Error, register
from django.utils.module_loading import import_string

from django_integration.domain.policy import Behaviour
from django_integration.downloads.settings import PREFIX, SETTING_FIELDS, AppSettings, app_settings


@register("downloads")
def check_settings(**_kwargs: Any) -> list[Error]:
    """Refuse unknown names and values that cannot work."""
    return [*_unknown_names(), *_impossible_values()]


def _unknown_names() -> Iterator[Error]:
    for name in dir(django_settings):
        if name.startswith(PREFIX) and name not in SETTING_FIELDS:
            yield Error(
                f"There is no setting {name}.",
                hint=f"Known are: {', '.join(sorted(SETTING_FIELDS))}.",
                id="downloads.E001",
            )


def _impossible_values() -> Iterator[Error]:
    settings = app_settings()
    if settings.behaviour not in set(Behaviour):
        yield Error(
            f"DOWNLOADS_BEHAVIOUR is {settings.behaviour!r}.",
            hint=f"Set it to one of: {', '.join(Behaviour)}.",
            id="downloads.E002",
        )
    for network in settings.private_addresses:
        try:
            ipaddress.ip_network(network)
        except ValueError as exc:
            yield Error(
                f"DOWNLOADS_PRIVATE_ADDRESSES holds {network!r}: {exc}.",
                hint="Write networks like 192.0.2.0/24, or 127.0.0.1/32 for one address.",
                id="downloads.E003",
            )
    for root in settings.file_roots:
        if not root.is_absolute():
            yield Error(
                f"DOWNLOADS_FILE_ROOTS holds {str(root)!r}, which is not absolute.",
                hint="Write the whole path of the folder.",
                id="downloads.E004",
            )
    try:
        import_string(settings.trigger)
    except ImportError as exc:
        yield Error(
            f"DOWNLOADS_TRIGGER cannot be imported: {exc}.",
            hint="Leave it out for Prefect, or give the dotted path of a class.",
            id="downloads.E005",
        )
    yield from _impossible_numbers(settings)


def _impossible_numbers(settings: AppSettings) -> Iterator[Error]:
    for name in ("cart_limit", "validity_days", "lease_seconds", "parallel_fetches", "parallel_fetches_per_host"):
        if getattr(settings, name) < 1:
            yield Error(f"{PREFIX}{name.upper()} must be 1 or more.", hint="Raise it.", id="downloads.E006")
    for name in ("source_retry_seconds", "mail_retry_seconds"):
        delays = getattr(settings, name)
        if not delays or min(delays) < 1:
            yield Error(
                f"{PREFIX}{name.upper()} is {list(delays)}.",
                hint="Write at least one number of seconds, each 1 or more.",
                id="downloads.E007",
            )
