"""Numbers that are too small, or contradict each other."""

from collections.abc import Iterator
from dataclasses import fields

from django.core.checks import CheckMessage

from downman.checks.findings import found
from downman.settings import PREFIX, TYPES, AppSettings

#: These mean something at 0; all others must be more.
MAY_BE_ZERO = frozenset(
    {
        "storage_budget_bytes", "expiry_warning_hours", "keep_requests_days", "staging_reserve_bytes",
        "package_reserve_bytes",
    }
)  # fmt: skip
#: A run renews its lease twice a second (`downman_flows.runs.heartbeat`); ten may be late before it counts as dead.
LEAST_LEASE_SECONDS = 5


def impossible(settings: AppSettings) -> Iterator[CheckMessage]:
    """Find numbers with which nothing would work as it is meant."""
    yield from _too_small(settings)
    yield from _delays(settings)
    yield from _contradictions(settings)


def _too_small(settings: AppSettings) -> Iterator[CheckMessage]:
    for item in fields(settings):
        if TYPES[item.name] not in {int, float}:
            continue
        value, name = getattr(settings, item.name), f"{PREFIX}{item.name.upper()}"
        if item.name in MAY_BE_ZERO:
            if value < 0:
                yield found("E006", f"{name} is {value}; it must be 0 or more.")
        elif value <= 0:
            yield found("E006", f"{name} is {value}; it must be more than 0.")
        elif item.name == "lease_seconds" and value < LEAST_LEASE_SECONDS:
            yield found("E012", f"{name} is {value}; it must be {LEAST_LEASE_SECONDS} or more.")


def _delays(settings: AppSettings) -> Iterator[CheckMessage]:
    for delays, give_up in (
        ("source_retry_seconds", "source_give_up_seconds"),
        ("mail_retry_seconds", "mail_give_up_seconds"),
    ):
        values, end = getattr(settings, delays), getattr(settings, give_up)
        if not values or min(values) < 1:
            yield found("E007", f"{PREFIX}{delays.upper()} is {list(values)}.")
        elif 0 < end < values[0]:
            yield found(
                "E009", f"{PREFIX}{give_up.upper()} is {end}, and the first of {PREFIX}{delays.upper()} is {values[0]}."
            )


def _contradictions(settings: AppSettings) -> Iterator[CheckMessage]:
    validity, budget, public = settings.validity_days, settings.storage_budget_bytes, settings.max_public_bytes
    if settings.max_validity_days < validity:
        yield found(
            "E010",
            f"DOWNLOADS_MAX_VALIDITY_DAYS is {settings.max_validity_days}, and DOWNLOADS_VALIDITY_DAYS is {validity}.",
        )
    if 0 < validity * 24 <= settings.expiry_warning_hours:
        yield found(
            "E011",
            f"DOWNLOADS_EXPIRY_WARNING_HOURS is {settings.expiry_warning_hours}, and with DOWNLOADS_VALIDITY_DAYS "
            f"{validity} a link can be used for {validity * 24} hours.",
        )
    if 0 < budget < public:
        yield found("E021", f"DOWNLOADS_STORAGE_BUDGET_BYTES is {budget}, and DOWNLOADS_MAX_PUBLIC_BYTES is {public}.")
    if 0 < settings.max_resource_bytes < public:
        yield found(
            "E022",
            f"DOWNLOADS_MAX_RESOURCE_BYTES is {settings.max_resource_bytes}, and DOWNLOADS_MAX_PUBLIC_BYTES is "
            f"{public}.",
        )
