"""The database's side of packaging: a worker claims a request, shows signs of life, and records how it ended."""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from downman.domain.errors import (
    DownmanError,
    FormatUnavailable,
    LeaseLost,
    NoSpace,
    PermanentError,
    ResourceWithdrawn,
    RetriesExhausted,
    TemporaryError,
)
from downman.domain.policy import Delivery, DownloadPolicy, SourceKind
from downman.domain.ports import FetchRequest
from downman.domain.status import OPEN_REQUESTS, STARTABLE_LOCATORS, Approval, LocatorStatus, RequestStatus
from downman.models import DownloadLink, DownloadRequest, ResourceLocator
from downman.services.policy import current_policy
from downman.services.transitions import OrderChange, lock_order
from downman.settings import app_settings

#: A run may begin so much before its time.
CLOCK_TOLERANCE = timedelta(seconds=2)
#: A number of our own among PostgreSQL's advisory locks.
_ROOM_LOCK = 7_362_001


@dataclass(frozen=True, kw_only=True)
class ClaimedPart:
    """One locator that this run is to deliver, looked up in the catalogue just now."""

    locator_id: int
    #: Place in the order, from 0.
    position: int
    title: str
    licence: str
    wanted: FetchRequest
    #: False: it gets a link of its own.
    packaged: bool
    #: Bytes above which an administrator must approve it first; None where that is done or not needed.
    public_limit: int | None
    #: Why it cannot be fetched at all, found in the catalogue.
    refusal: PermanentError | None = None
    #: An ended package of this order that still holds it, relative to the package folder; empty where there is none.
    earlier_package: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A worker's hold on a request, and what it is to do."""

    request_id: int
    number: str
    owner: str
    attempt: int
    created_at: datetime
    language: str
    parts: tuple[ClaimedPart, ...]
    policy: DownloadPolicy


@dataclass(frozen=True, kw_only=True)
class NewLink:
    """Something that can be taken, for which a link is to be made."""

    delivery: Delivery
    name: str
    target: str
    size: int | None
    sha256: str = ""
    locator_ids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class NeedsApproval:
    """A part turned out to be larger than the public may have."""

    size: int


@dataclass(frozen=True, kw_only=True)
class InsufficientSpace:
    """A request that cannot start: the disks have no room for it besides what is under way."""

    needed_bytes: int
    free_bytes: int


#: How one part ended that was not delivered.
Failure = DownmanError | NeedsApproval


def claim(request_id: int, *, owner: str, free_bytes: int) -> Claim | InsufficientSpace | None:
    """Take what is due of a request for `owner`, and reserve room for it.

    `free_bytes` is what the disks have above their reserves. Gives None when nothing is due or another worker has it,
    and `InsufficientSpace`, after it was recorded, when there is no room.
    """
    now = timezone.now()
    with lock_order(request_id, actor=owner) as change:
        request = change.request
        leased_by_other = request.lease_until and request.lease_until > now and request.lease_owner != owner
        if request.status not in OPEN_REQUESTS or leased_by_other:
            return None
        _release(change)
        change.update_fields_of(lease_owner="", lease_until=None, reserved_bytes=0)
        due = list(_due_locators(request, now))
        if not due:
            if request.due_at and request.due_at <= now + CLOCK_TOLERANCE:
                # This was the run that was planned; what is left needs another one.
                change.update_fields_of(due_at=None)
            change.recompute_status()
            return None
        policy = current_policy()
        packaged = [row for row in due if policy.packages(SourceKind(row.resource.source))]
        needed = sum(_estimate(row) for row in packaged)
        reserved = _reserved_by_others(request, now)
        # With the disk to itself, an order need not wait because of sizes that nobody knows: it would wait for ever.
        asked = needed if reserved else sum(row.bytes_total or 0 for row in packaged)
        free = free_bytes - reserved
        if packaged and (free <= 0 or asked > free):
            change.move_locators(due, LocatorStatus.WAITING_FOR_SPACE, reason=str(NoSpace()))
            _wait_for_space(due, now)
            change.update_fields_of(due_at=None)
            change.recompute_status(reason="there is no room on the disk")
            return InsufficientSpace(needed_bytes=needed, free_bytes=max(0, free))
        for locator in due:
            change.move_locators([locator], LocatorStatus.FETCHING, attempts=locator.attempts + 1, retry_at=None)
        change.update_fields_of(lease_owner=owner, lease_until=_lease_end(now), due_at=None, reserved_bytes=needed)
        change.recompute_status(reason="a worker started")
        return Claim(
            request_id=request.pk,
            number=request.number,
            owner=owner,
            attempt=request.attempt,
            created_at=request.created_at,
            language=request.language,
            parts=tuple(_claimed(locator, policy) for locator in due),
            policy=policy,
        )


def beat(claimed: Claim, progress: Mapping[int, tuple[int, int | None]]) -> frozenset[int]:
    """Prolong the lease, note the bytes of each locator, and give the locators that were cancelled meanwhile.

    Raises `LeaseLost` when the request is no longer this worker's.
    """
    now = timezone.now()
    held = DownloadRequest.objects.filter(pk=claimed.request_id, lease_owner=claimed.owner)
    if not held.update(lease_until=_lease_end(now)):
        raise LeaseLost
    for locator_id, (done, total) in progress.items():
        fetching = ResourceLocator.objects.filter(pk=locator_id, status=LocatorStatus.FETCHING)
        fetching.update(bytes_done=done, bytes_total=total)
    working_on = [part.locator_id for part in claimed.parts]
    gone = ResourceLocator.objects.filter(pk__in=working_on).exclude(status=LocatorStatus.FETCHING)
    return frozenset(gone.values_list("pk", flat=True))


def record(
    claimed: Claim, *, links: Sequence[NewLink], failures: Mapping[int, Failure], sizes: Mapping[int, int]
) -> RequestStatus | None:
    """Write how a run ended, all at once: links, states, mails owed, the next run; and end the lease.

    `sizes` gives the bytes of each delivered locator. Gives None, and changes nothing, when a part that a link
    delivers was cancelled meanwhile: the caller makes it anew without that part. Raises `LeaseLost`.
    """
    now = timezone.now()
    with _leased(claimed.request_id, owner=claimed.owner, actor=claimed.owner) as change:
        fetching = {row.pk: row for row in change.request.locators.filter(status=LocatorStatus.FETCHING)}
        if any(locator_id not in fetching for link in links for locator_id in link.locator_ids):
            return None
        expires_at = now + timedelta(days=claimed.policy.validity_days)
        main: DownloadLink | None = None
        for made in links:
            parts = [fetching[locator_id] for locator_id in made.locator_ids]
            # A file without a part of its own lies beside the one that came before it.
            link = _deliver(change, made, parts, sizes, expires_at=expires_at, beside=None if parts else main)
            main = link if parts else main
        for locator_id, failure in failures.items():
            if locator_id in fetching:
                _fail(change, fetching[locator_id], failure, now)
        _release(change)
        change.update_fields_of(lease_owner="", lease_until=None, reserved_bytes=0)
        return change.recompute_status(reason="a run ended", delivered=bool(links))


def is_recorded(claimed: Claim, target: str) -> bool:
    """Return whether a link to a package stands: a record may have been made though its answer was lost on the way."""
    return DownloadLink.objects.filter(request_id=claimed.request_id, target=target).exists()


def release(request_id: int, *, owner: str, reason: str) -> bool:
    """Take a request from a worker that was lost, and have it started again; say whether the worker still had it."""
    try:
        with _leased(request_id, owner=owner, actor="recover-stalled") as change:
            _release(change, reason=reason)
            change.update_fields_of(lease_owner="", lease_until=None, reserved_bytes=0)
            change.recompute_status(reason=reason)
    except LeaseLost:
        return False
    return True


@contextmanager
def _leased(request_id: int, *, owner: str, actor: str) -> Iterator[OrderChange]:
    """Lock a request that is this worker's; raises `LeaseLost`, also when the order was forgotten meanwhile."""
    try:
        with lock_order(request_id, actor=actor) as change:
            if change.request.lease_owner != owner:
                raise LeaseLost
            yield change
    except DownloadRequest.DoesNotExist as gone:
        raise LeaseLost from gone


def _lease_end(now: datetime) -> datetime:
    return now + timedelta(seconds=app_settings().lease_seconds)


def _due_locators(request: DownloadRequest, now: datetime) -> QuerySet[ResourceLocator]:
    """Return what a run may take now; a worker's clock may be a little before the one that planned the run."""
    return request.locators.filter(
        Q(retry_at=None) | Q(retry_at__lte=now + CLOCK_TOLERANCE), status__in=STARTABLE_LOCATORS
    ).select_related("resource", "link")


def _estimate(locator: ResourceLocator) -> int:
    """Return the bytes that a part is expected to take: what its source or the catalogue said, else a default."""
    return app_settings().default_estimate_bytes if locator.bytes_total is None else locator.bytes_total


def _reserved_by_others(request: DownloadRequest, now: datetime) -> int:
    """Return the bytes that other runs have reserved and not written yet.

    No two requests may count the same room, so only one counts at a time, until its transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ROOM_LOCK])
    under_way = DownloadRequest.objects.filter(lease_until__gt=now).exclude(pk=request.pk)
    written = Sum("locators__bytes_done", filter=Q(locators__status=LocatorStatus.FETCHING), default=0)
    rows = under_way.annotate(written=written).values_list("reserved_bytes", "written")
    return sum(max(0, reserved - written) for reserved, written in rows)


def _wait_for_space(locators: Sequence[ResourceLocator], now: datetime) -> None:
    facts = {"error_code": NoSpace.code, "error_details": {}}
    retry_at = now + timedelta(seconds=app_settings().space_retry_seconds)
    ResourceLocator.objects.filter(pk__in=[row.pk for row in locators]).update(retry_at=retry_at, **facts)


def _release(change: OrderChange, *, reason: str = "handed back") -> None:
    """Queue what an earlier run left unfinished."""
    unfinished = change.request.locators.filter(status=LocatorStatus.FETCHING)
    change.move_locators(unfinished, LocatorStatus.QUEUED, reason=reason)


def _claimed(locator: ResourceLocator, policy: DownloadPolicy) -> ClaimedPart:
    resource = locator.resource
    kind = SourceKind(resource.source)
    refusal: PermanentError | None = None
    if not resource.offered:
        refusal = ResourceWithdrawn()
    elif locator.format and locator.format not in resource.formats:
        refusal = FormatUnavailable(format=locator.format)
    return ClaimedPart(
        locator_id=locator.pk,
        position=locator.position,
        title=resource.title,
        licence=resource.licence,
        wanted=FetchRequest(
            resource=resource.pk,
            kind=kind,
            url=resource.url,
            layer=resource.layer,
            format=locator.format,
            bbox=tuple(locator.bbox) if locator.bbox else None,
            crs=locator.crs,
        ),
        packaged=policy.packages(kind),
        public_limit=None if locator.approval == Approval.ACCEPTED else policy.max_public_bytes,
        refusal=refusal,
        earlier_package=_package_that_holds(locator),
    )


def _package_that_holds(locator: ResourceLocator) -> str:
    link = locator.link
    is_there = link is not None and link.delivery == Delivery.PACKAGE and link.deleted_at is None
    return link.target if link is not None and is_there else ""


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
            failures=0,
            first_failed_at=None,
        )
    return link


def _fail(change: OrderChange, locator: ResourceLocator, failure: Failure, now: datetime) -> None:
    if isinstance(failure, NeedsApproval):
        change.move_locators(
            [locator],
            LocatorStatus.ON_HOLD,
            reason="larger than the public may have",
            approval=Approval.PENDING.value,
            bytes_total=failure.size,
        )
        return
    facts = {"error_code": failure.code, "error_details": dict(failure.details)}
    if isinstance(failure, NoSpace):
        retry_at = now + timedelta(seconds=app_settings().space_retry_seconds)
        change.move_locators(
            [locator], LocatorStatus.WAITING_FOR_SPACE, reason=str(failure), retry_at=retry_at, **facts
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
