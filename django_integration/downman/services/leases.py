"""A run's time-limited claim on an order: claimed, renewed, released, and lost when its time is over."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from downman.domain.errors import (
    FormatUnavailable,
    LeaseLost,
    NoSpace,
    PermanentError,
    ResourceWithdrawn,
)
from downman.domain.jobs import Job
from downman.domain.policy import Delivery, DownloadPolicy
from downman.domain.ports import FetchRequest
from downman.domain.status import OPEN_REQUESTS, STARTABLE_LOCATORS, Approval, LocatorStatus
from downman.domain.url_secrets import has_secrets
from downman.models import DownloadRequest, Resource, ResourceLocator
from downman.services.db_retry import retry_on_disconnect
from downman.services.neighbours import find_neighbours
from downman.services.order_parameters import get_promised_formats
from downman.services.policy import current_policy
from downman.services.space import InsufficientSpace, estimate_bytes, reserved_by_others, wait_for_space
from downman.services.transitions import OrderChange, lock_order
from downman.settings import app_settings
from downman.sources import find_source

#: A run may begin so much before its time.
CLOCK_TOLERANCE = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True)
class ClaimedPart:
    """One locator that this run is to deliver, looked up in the catalogue when the work starts."""

    locator_id: int
    #: Place in the order, from 0.
    position: int
    title: str
    licence: str
    request: FetchRequest
    #: False: it gets a link of its own.
    packaged: bool
    #: Bytes above which an administrator must approve it first; None where that is done or not needed.
    public_limit: int | None
    #: What it is promised to be: one of these; none where the catalogue does not say.
    formats: tuple[str, ...] = ()
    #: Why it cannot be fetched at all, found in the catalogue.
    refusal: PermanentError | None = None
    #: An ended package of this order that still holds it, relative to the package folder; empty where there is none.
    previous_package: str = ""
    #: Names in the query of its URL whose values may be shown.
    public_parameters: tuple[str, ...] = ()


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
    #: How many parts the order has, also those that are not claimed.
    order_size: int = 0


@retry_on_disconnect
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
        end_lease(change)
        due = list(_due_locators(request, now))
        if not due:
            if request.due_at and request.due_at <= now + CLOCK_TOLERANCE:
                # This was the run that was planned; what is left needs another one.
                change.update_fields(due_at=None)
            change.recompute_status()
            return None
        policy = current_policy()
        packaged = [row for row in due if _is_packaged(row.resource, policy)]
        needed = sum(estimate_bytes(row) for row in packaged)
        reserved = reserved_by_others(request, now)
        # With the disk to itself, an order need not wait because of sizes that nobody knows: it would wait for ever.
        asked = needed if reserved else sum(row.bytes_total or 0 for row in packaged)
        free = free_bytes - reserved
        if packaged and (free <= 0 or asked > free):
            change.move_locators(due, LocatorStatus.WAITING_FOR_SPACE, reason=str(NoSpace()))
            wait_for_space(due, now)
            change.update_fields(due_at=None)
            change.recompute_status(reason="there is no room on the disk")
            return InsufficientSpace(needed_bytes=needed, free_bytes=max(0, free))
        neighbours = find_neighbours(row.resource for row in due)
        for locator in due:
            change.move_locators([locator], LocatorStatus.FETCHING, attempts=locator.attempts + 1, retry_at=None)
        change.update_fields(lease_owner=owner, lease_until=_lease_end(now), due_at=None, reserved_bytes=needed)
        change.recompute_status(reason="a worker started")
        return Claim(
            request_id=request.pk,
            number=request.number,
            owner=owner,
            attempt=request.attempt,
            created_at=request.created_at,
            language=request.language,
            parts=tuple(_claimed(locator, policy, neighbours.get(locator.resource_id, ())) for locator in due),
            policy=policy,
            order_size=request.locators.count(),
        )


def renew_lease(claimed: Claim, progress: Mapping[int, tuple[int, int | None]]) -> frozenset[int]:
    """Extend the lease, write the bytes of each part, and return the parts that were cancelled meanwhile.

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


def release(request_id: int, *, owner: str, reason: str) -> bool:
    """Take a request from a worker that was lost, and have it started again; say whether the worker still had it."""
    try:
        with lock_leased(request_id, owner=owner, actor=Job.RECOVER_STALLED) as change:
            end_lease(change, reason=reason)
            change.recompute_status(reason=reason)
    except LeaseLost:
        return False
    return True


@contextmanager
def lock_leased(request_id: int, *, owner: str, actor: str) -> Iterator[OrderChange]:
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


def end_lease(change: OrderChange, *, reason: str = "released") -> None:
    """Queue what the holder of the lease left unfinished, and end the lease."""
    unfinished = change.request.locators.filter(status=LocatorStatus.FETCHING)
    change.move_locators(unfinished, LocatorStatus.QUEUED, reason=reason)
    change.update_fields(lease_owner="", lease_until=None, reserved_bytes=0)


def _claimed(locator: ResourceLocator, policy: DownloadPolicy, other_urls: tuple[str, ...]) -> ClaimedPart:
    resource = locator.resource
    refusal: PermanentError | None = None
    if not resource.offered or find_source(resource.source) is None:
        refusal = ResourceWithdrawn()
    elif locator.format and locator.format not in resource.formats:
        refusal = FormatUnavailable(format=locator.format)
    return ClaimedPart(
        locator_id=locator.pk,
        position=locator.position,
        title=resource.title,
        licence=resource.licence,
        request=FetchRequest(
            resource=resource.pk,
            source=resource.source,
            url=resource.url,
            layer=resource.layer,
            format=locator.format,
            bbox=tuple(locator.bbox) if locator.bbox else None,
            crs=locator.crs,
            other_urls=other_urls,
        ),
        packaged=_is_packaged(resource, policy),
        public_limit=None if locator.approval == Approval.ACCEPTED else policy.max_public_bytes,
        formats=tuple(get_promised_formats(resource, locator.format)),
        refusal=refusal,
        previous_package=_package_that_holds(locator),
        public_parameters=tuple(resource.public_parameters),
    )


def _is_packaged(resource: Resource, policy: DownloadPolicy) -> bool:
    source = find_source(resource.source)
    # Of what has no source any more, nothing can be handed out by a link either.
    if source is None or policy.packages(is_static=source.is_static):
        return True
    # A link that leads to the source would tell its key to whoever follows it.
    is_redirect = source.link_delivery == Delivery.REDIRECT
    return is_redirect and has_secrets(resource.url, keep=resource.public_parameters)


def _package_that_holds(locator: ResourceLocator) -> str:
    link = locator.link
    is_there = link is not None and link.delivery == Delivery.PACKAGE and link.deleted_at is None
    return link.target if link is not None and is_there else ""
