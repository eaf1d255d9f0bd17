"""Settings that contradict each other."""

from collections.abc import Iterator

from django.core.checks import CheckMessage

from downman.checks.findings import message
from downman.settings import PREFIX, AppSettings


def check(settings: AppSettings) -> Iterator[CheckMessage]:
    """Find numbers that are valid alone, but not together."""
    yield from _delays(settings)
    yield from _validity(settings)
    yield from _sizes(settings)


def _delays(settings: AppSettings) -> Iterator[CheckMessage]:
    for kind in ("source", "mail"):
        first, end = getattr(settings, f"{kind}_retry_seconds")[0], getattr(settings, f"{kind}_give_up_seconds")
        if end < first:
            name = f"{PREFIX}{kind.upper()}"
            yield message("E009", f"{name}_GIVE_UP_SECONDS is {end}, and the first of {name}_RETRY_SECONDS is {first}.")


def _validity(settings: AppSettings) -> Iterator[CheckMessage]:
    days, longest, warning = settings.validity_days, settings.max_validity_days, settings.expiry_warning_hours
    if longest < days:
        yield message("E010", f"DOWNLOADS_MAX_VALIDITY_DAYS is {longest}, and DOWNLOADS_VALIDITY_DAYS is {days}.")
    if days * 24 <= warning:
        yield message(
            "E011",
            f"DOWNLOADS_EXPIRY_WARNING_HOURS is {warning}, and with DOWNLOADS_VALIDITY_DAYS {days} a link can be used "
            f"for {days * 24} hours.",
        )


def _sizes(settings: AppSettings) -> Iterator[CheckMessage]:
    budget, public, largest = settings.storage_budget_bytes, settings.max_public_bytes, settings.max_resource_bytes
    if 0 < budget < public:
        yield message(
            "E021", f"DOWNLOADS_STORAGE_BUDGET_BYTES is {budget}, and DOWNLOADS_MAX_PUBLIC_BYTES is {public}."
        )
    if largest < public:
        yield message("E022", f"DOWNLOADS_MAX_RESOURCE_BYTES is {largest}, and DOWNLOADS_MAX_PUBLIC_BYTES is {public}.")
