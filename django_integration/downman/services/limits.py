"""Limits of what one client network and one person may order: looked at before any work, counted with the order.

Uses are counted over the time that has just passed, so that no moment lets twice as much through. Exact also when many
order in the same instant: those who share a key wait for each other, but only for the end of a transaction, and those
who are beyond their limit are told so before that, with nothing written and nobody waited for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection, models
from django.utils import timezone

from downman.domain.errors import LimitReached
from downman.domain.limits import DAY_SECONDS, LimitName, Limits, get_network
from downman.domain.policy import DownloadPolicy
from downman.models import LimitUse
from downman.services import quotas
from downman.services.limit_keys import to_key
from downman.services.limit_words import describe_window
from downman.services.persons import Person, address_key, get_person, is_own_address


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A limit of uses in the window, and the key whose uses count."""

    name: LimitName
    limit: int
    key: int


@dataclass(frozen=True, kw_only=True)
class Limiter:
    """The limits that hold for one order; without any, it does nothing."""

    limits: Limits = field(default_factory=Limits)
    person: Person | None = None
    counted: Sequence[Counted] = ()
    is_on: bool = False
    #: What is stored is the person's; it is not yet while their address waits to be confirmed.
    is_verified: bool = True

    def check(self, *, for_order: bool = True) -> None:
        """Refuse what is beyond a limit already. Raises `LimitReached`."""
        self._check_uses()
        if self.person is not None and for_order:
            quotas.check(self.person, self.limits)

    def count(self, *, for_order: bool = True) -> None:
        """Count one more; call it last in the transaction that stores it. Raises `LimitReached`.

        Whoever shares a key waits here until the other transaction ends, and then counts what that stored.
        """
        if not self.is_on:
            return
        _lock(sorted({*(counted.key for counted in self.counted), *self._person_keys()}))
        self._check_uses()
        if self.person is not None and for_order:
            quotas.check(self.person, self.limits, own=int(self.is_verified))
        now = timezone.now()
        LimitUse.objects.bulk_create(LimitUse(key=counted.key, used_at=now) for counted in self.counted)

    @property
    def window(self) -> timedelta:
        """The time over which uses are counted."""
        return timedelta(seconds=self.limits.window_seconds)

    def _person_keys(self) -> Iterator[int]:
        if self.person is not None:
            yield to_key(self.person.key)

    def _check_uses(self) -> None:
        if not self.counted:
            return
        now = timezone.now()
        recent = LimitUse.objects.filter(used_at__gt=now - self.window).order_by()
        rows = recent.filter(key__in=[counted.key for counted in self.counted])
        used = {
            key: (count, first)
            for key, count, first in rows.values_list("key").annotate(models.Count("pk"), models.Min("used_at"))
        }
        for counted in self.counted:
            count, freed_at = used.get(counted.key, (0, now))
            if count >= counted.limit:
                if count > counted.limit:
                    # The limit was lowered: there is room again after a later one than the first.
                    uses = recent.filter(key=counted.key).order_by("-used_at").values_list("used_at", flat=True)
                    freed_at = uses[counted.limit - 1]
                seconds = (freed_at + self.window - now).total_seconds()
                raise LimitReached(
                    limit=counted.name,
                    message=describe_window(counted.name, counted.limit, self.limits.window_seconds, seconds),
                    retry_after=int(seconds) + 1,
                )


def get_limiter(
    policy: DownloadPolicy,
    *,
    client: str | None,
    user: models.Model | None = None,
    email: str = "",
    is_verified: bool = True,
) -> Limiter:
    """Return the limits that hold for what a client orders.

    `client` is the IP address, empty where it is not known; None is one whom nothing limits: a program of the site,
    or staff.
    Without an e-mail address and a user the limits of persons are left out. What waits until an address is confirmed
    counts for the network only: nobody uses up what is left to the owner of an address by writing it.
    """
    limits = policy.limits
    if limits is None or client is None:
        return Limiter()
    person = get_person(user=user, email=email) if email or user is not None else None
    counted = []
    if limits.orders_per_network and (network := get_network(client, limits)):
        counted.append(_to_counted(LimitName.ORDERS_PER_NETWORK, limits.orders_per_network, f"network {network}"))
    if limits.orders_per_person and (is_verified or user is not None):
        keys = [person.key] if person is not None else []
        if email and is_verified and user is not None and not is_own_address(user, email):
            # Of somebody else, who is protected from mails as from those of everybody.
            keys.append(address_key(email))
        counted += [_to_counted(LimitName.ORDERS_PER_PERSON, limits.orders_per_person, key) for key in keys]
    return Limiter(limits=limits, person=person, counted=counted, is_on=True, is_verified=is_verified)


def delete_old_uses(policy: DownloadPolicy) -> int:
    """Delete what counts no longer, and return how much that was."""
    seconds = max(policy.limits.window_seconds, DAY_SECONDS) if policy.limits else 0
    old = LimitUse.objects.filter(used_at__lte=timezone.now() - timedelta(seconds=seconds))
    deleted, _by_model = old.delete()
    return deleted


def _to_counted(name: LimitName, limit: int, who: str) -> Counted:
    return Counted(name=name, limit=limit, key=to_key(who))


def _lock(keys: Sequence[int]) -> None:
    """Wait until nobody else holds one of the keys, and hold them until the transaction ends; always in one order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [list(keys)])
