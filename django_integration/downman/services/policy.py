"""The rules in force: the site's settings, under what an administrator set."""

from dataclasses import fields

from downman.domain.limits import Limits
from downman.domain.policy import DownloadPolicy, PackagingMode
from downman.models import PolicyRecord
from downman.settings import AppSettings, app_settings


def administrators() -> tuple[str, ...]:
    """Return the e-mail addresses of those who decide; one query."""
    record = PolicyRecord.objects.first()
    named = record.administrators.split() if record else []
    return tuple(named) or app_settings().administrators


def current_policy() -> DownloadPolicy:
    """Return the rules of this moment; one query."""
    settings = app_settings()
    record = PolicyRecord.objects.first() or PolicyRecord()
    return DownloadPolicy(
        behaviour=PackagingMode(record.behaviour or settings.behaviour),
        cart_limit=record.cart_limit or settings.cart_limit,
        validity_days=record.validity_days or settings.validity_days,
        max_public_bytes=settings.max_public_bytes if record.max_public_bytes is None else record.max_public_bytes,
        limits=_to_limits(record, settings) if settings.limits else None,
    )


def _to_limits(record: PolicyRecord, settings: AppSettings) -> Limits:
    values: dict[str, int] = {}
    for item in fields(Limits):
        chosen = getattr(record, f"limit_{item.name}")
        values[item.name] = getattr(settings, f"limit_{item.name}") if chosen is None else chosen
    return Limits(**values)
