"""What a visitor has used of each limit, and what is left."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Model
from django.utils import timezone

from downman.domain.limits import DAY_SECONDS, LimitName, Limits
from downman.models import LimitUse
from downman.services import mail_limit, quotas
from downman.services.limits import Limiter, get_limiter
from downman.services.policy import current_policy
from downman.visitors import get_email

#: From so many orders on that are left, the page says how many.
FEW = 5


@dataclass(frozen=True, kw_only=True)
class Usage:
    """One limit, and what is used of it."""

    name: LimitName
    limit: int
    #: None where it is that of a person who is not known.
    used: int | None
    #: Seconds over which uses count; None for what counts as long as it is there.
    window_seconds: int | None = None
    #: When what is used now counts no longer; None where nothing is used, or only events end it.
    resets_at: datetime | None = None

    @property
    def remaining(self) -> int | None:
        """How much more is taken now."""
        return None if self.used is None else max(0, self.limit - self.used)


def list_usages(*, client: str | None, user: Model | None) -> list[Usage]:
    """Return the limits that hold for a visitor; none where nothing limits them.

    Of a visitor who has not logged in only the network is known: what an e-mail address has used is not told to those
    who merely write it.
    """
    limiter = get_limiter(current_policy(), client=client, user=user)
    if not limiter.is_on:
        return []
    return [*_uses(limiter), *_quotas(limiter), *_mails(limiter.limits, user)]


def get_few_left(*, client: str | None, user: Model | None) -> Usage | None:
    """Return the limit of orders in a time that is nearly used up; None where there are plenty left."""
    usages = [usage for usage in _uses(get_limiter(current_policy(), client=client, user=user)) if usage.used]
    nearest = min(usages, key=lambda usage: usage.remaining or 0, default=None)
    return nearest if nearest is not None and (nearest.remaining or 0) <= FEW else None


def _uses(limiter: Limiter) -> Iterator[Usage]:
    rows = LimitUse.objects.filter(used_at__gt=timezone.now() - limiter.window).order_by()
    rows = rows.filter(key__in=[counted.key for counted in limiter.counted])
    facts = {key: (used, last) for key, used, last in rows.values_list("key").annotate(Count("pk"), Max("used_at"))}
    known = {counted.name: facts.get(counted.key, (0, None)) for counted in limiter.counted}
    for name in (LimitName.ORDERS_PER_NETWORK, LimitName.ORDERS_PER_PERSON):
        if limit := getattr(limiter.limits, name):
            used, last = known.get(name, (None, None))
            resets_at = last + limiter.window if last else None
            seconds = limiter.limits.window_seconds
            yield Usage(name=name, limit=limit, used=used, window_seconds=seconds, resets_at=resets_at)


def _quotas(limiter: Limiter) -> Iterator[Usage]:
    used: Mapping[LimitName, int] = quotas.count(limiter.person) if limiter.person is not None else {}
    for name in (LimitName.OPEN_ORDERS, LimitName.BYTES_UNDER_WAY, LimitName.BYTES_KEPT):
        if limit := getattr(limiter.limits, name):
            yield Usage(name=name, limit=limit, used=used.get(name))


def _mails(limits: Limits, user: Model | None) -> Iterator[Usage]:
    if not limits.mails_per_day:
        return
    email = get_email(user) if user is not None else ""
    times = mail_limit.counted_times(email) if email else None
    yield Usage(
        name=LimitName.MAILS_PER_DAY,
        limit=limits.mails_per_day,
        used=None if times is None else len(times),
        window_seconds=DAY_SECONDS,
        resets_at=max(times) + timedelta(seconds=DAY_SECONDS) if times else None,
    )
