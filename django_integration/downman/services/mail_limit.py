"""E-mails to one address and day: nobody's mailbox is flooded by what strangers order in their name.

A mail beyond the limit is put off until there is room again, and never lost; only a receipt is left out, since whoever
ordered has just seen all that it says.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from downman.domain.limits import DAY_SECONDS
from downman.models import LimitUse
from downman.services.limit_keys import to_key
from downman.services.persons import address_key
from downman.services.policy import current_policy

DAY = timedelta(seconds=DAY_SECONDS)


def counted_times(email: str) -> list[datetime]:
    """Return when mails were or will be sent to an address, of the last 24 hours and from now on; newest first."""
    uses = LimitUse.objects.filter(key=_key(email), used_at__gt=timezone.now() - DAY)
    return list(uses.order_by("-used_at").values_list("used_at", flat=True))


def plan_mail(email: str) -> datetime:
    """Count one more mail to an address, and return when it may be sent: now, or when there is room again."""
    times, limit = _read(email)
    return _count(email, times[limit - 1] + DAY if limit and len(times) >= limit else timezone.now(), limit=limit)


def plan_receipt(email: str) -> datetime | None:
    """Do the same for a mail that is not worth being late; None: it is left out."""
    times, limit = _read(email)
    return None if limit and len(times) >= limit else _count(email, timezone.now(), limit=limit)


def _read(email: str) -> tuple[list[datetime], int]:
    limits = current_policy().limits
    limit = limits.mails_per_day if limits is not None else 0
    return (counted_times(email) if limit else []), limit


def _count(email: str, at: datetime, *, limit: int) -> datetime:
    if limit:
        LimitUse.objects.create(key=_key(email), used_at=at)
    return at


def _key(email: str) -> int:
    return to_key(f"mail to {address_key(email)}")
