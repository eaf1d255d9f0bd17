"""How a run ended, written in one transaction: links, states, notices owed, the next run, the end of the lease."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from downman.domain.errors import DownmanError, NoSpace, RetriesExhausted, TemporaryError
from downman.domain.policy import Delivery
from downman.domain.status import Approval, LocatorStatus, RequestStatus
from downman.models import DownloadLink, ResourceLocator
from downman.services.db_retry import retry_on_disconnect
from downman.services.leases import Claim, end_lease, lock_leased
from downman.services.space import retry_time
from downman.services.transitions import OrderChange
from downman.settings import app_settings


@dataclass(frozen=True, kw_only=True)
class NewLink:
    """Something that can be taken, for which a link is to be made."""

    delivery: Delivery
    name: str
    target: str
    size: int | None
    sha256: str = ""
    locator_ids: tuple[int, ...]
    #: Those of them of which nothing proves that they are complete.
    unproven_ids: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class NeedsApproval:
    """A part turned out to be larger than the public may have."""

    size: int


#: How one part ended that was not delivered.
Failure = DownmanError | NeedsApproval


def describe_failure(failure: Failure) -> str:
    """Return why a part is not delivered, in words, for logs and manifests."""
    if isinstance(failure, NeedsApproval):
        return "It is larger than the public may have; an administrator decides."
    return str(failure)


@retry_on_disconnect
def record(
    claimed: Claim, *, links: Sequence[NewLink], failures: Mapping[int, Failure], sizes: Mapping[int, int]
) -> RequestStatus | None:
    """Write how a run ended, all at once: links, states, mails owed, the next run; and end the lease.

    `sizes` gives the bytes of each delivered locator. Gives None, and changes nothing, when a part that a link
    delivers was cancelled meanwhile: the caller makes it anew without that part. Raises `LeaseLost`.
    """
    now = timezone.now()
    with lock_leased(claimed.request_id, owner=claimed.owner, actor=claimed.owner) as change:
        fetching = {row.pk: row for row in change.request.locators.filter(status=LocatorStatus.FETCHING)}
        if any(locator_id not in fetching for link in links for locator_id in link.locator_ids):
            return None
        expires_at = now + timedelta(days=claimed.policy.validity_days)
        main: DownloadLink | None = None
        for made in links:
            parts = [fetching[locator_id] for locator_id in made.locator_ids]
            # A file without a part of its own is a sidecar of the one that came before it.
            link = _deliver(change, made, parts, sizes, expires_at=expires_at, main_link=None if parts else main)
            main = link if parts else main
        for locator_id, failure in failures.items():
            if locator_id in fetching:
                _fail(change, fetching[locator_id], failure, now)
        end_lease(change)
        return change.recompute_status(reason="a run ended", delivered=bool(links))


def record_failures(claimed: Claim, failures: Mapping[int, Failure]) -> None:
    """Write the end of parts that are not delivered, while others of the run are still fetched. Raises `LeaseLost`.

    Those that end last are left to `record`, which follows at once: the order ends with them. A second time changes
    nothing.
    """
    now = timezone.now()
    with lock_leased(claimed.request_id, owner=claimed.owner, actor=claimed.owner) as change:
        fetching = {row.pk: row for row in change.request.locators.filter(status=LocatorStatus.FETCHING)}
        ended = [fetching[locator_id] for locator_id in failures if locator_id in fetching]
        if not ended or len(ended) == len(fetching):
            return
        for locator in ended:
            _fail(change, locator, failures[locator.pk], now)
        change.recompute_status()


@retry_on_disconnect
def is_recorded(claimed: Claim, target: str) -> bool:
    """Return whether a link to a package stands: a record may have been made though its answer was lost on the way."""
    return DownloadLink.objects.filter(request_id=claimed.request_id, target=target).exists()


def _deliver(
    change: OrderChange, made: NewLink, locators: Sequence[ResourceLocator], sizes: Mapping[int, int], **facts: Any
) -> DownloadLink:
    """Make a link, with facts that all links of the run share, and deliver its parts."""
    link = DownloadLink.objects.create(
        request=change.request,
        delivery=made.delivery.value,
        name=made.name,
        target=made.target,
        size=made.size,
        sha256=made.sha256,
        **facts,
    )
    for locator in locators:
        size = sizes.get(locator.pk, 0)
        change.move_locators(
            [locator],
            LocatorStatus.DELIVERED,
            link=link,
            error_code="",
            error_details={},
            retry_at=None,
            bytes_done=size,
            bytes_total=size,
            unproven=locator.pk in made.unproven_ids,
            failures=0,
            first_failed_at=None,
        )
    return link


def _fail(change: OrderChange, locator: ResourceLocator, failure: Failure, now: datetime) -> None:
    if isinstance(failure, NeedsApproval):
        change.move_locators(
            [locator],
            LocatorStatus.AWAITING_APPROVAL,
            reason="larger than the public may have",
            approval=Approval.PENDING.value,
            bytes_total=failure.size,
        )
        return
    facts = {"error_code": failure.code, "error_details": dict(failure.details)}
    if isinstance(failure, NoSpace):
        change.move_locators(
            [locator], LocatorStatus.WAITING_FOR_SPACE, reason=str(failure), retry_at=retry_time(now), **facts
        )
        return
    failures = locator.failures + 1
    first_failed_at = locator.first_failed_at or now
    if isinstance(failure, TemporaryError):
        retries = app_settings().source_retries
        delay = retries.next_delay(
            failures,
            now - first_failed_at,
            at_least=failure.retry_after or timedelta(),
            spread=random.random(),  # noqa: S311 - no secret
        )
        if delay is not None:
            change.move_locators(
                [locator],
                LocatorStatus.RETRYING,
                reason=str(failure),
                retry_at=now + delay,
                first_failed_at=first_failed_at,
                failures=failures,
                **facts,
            )
            return
        failure = RetriesExhausted(days=max(1, round(retries.give_up_after / timedelta(days=1))))
        facts = {"error_code": failure.code, "error_details": dict(failure.details)}
    change.move_locators(
        [locator],
        LocatorStatus.FAILED,
        reason=str(failure),
        first_failed_at=first_failed_at,
        failures=failures,
        **facts,
    )
