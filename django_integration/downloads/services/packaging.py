"""The database's side of packaging: a worker claims a request, shows signs of life, and records how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from django_integration.domain.errors import (
    DownmanError,
    FormatUnavailable,
    GaveUp,
    LeaseLost,
    NoSpace,
    PermanentError,
    ResourceWithdrawn,
    TemporaryError,
)
from django_integration.domain.notices import NOTICE_FOR
from django_integration.domain.policy import SOURCE_RETRIES, SPACE_RETRY, Delivery, DownloadPolicy, SourceKind
from django_integration.domain.ports import Wanted
from django_integration.domain.status import OPEN_REQUESTS, STARTABLE_LOCATORS, Approval, LocatorStatus, RequestStatus
from django_integration.downloads.models import DownloadLink, DownloadRequest, ResourceLocator
from django_integration.downloads.services.changes import Change, changing
from django_integration.downloads.services.handover import start_packaging_on_commit
from django_integration.downloads.services.notices import owe_notice
from django_integration.downloads.services.policy import current_policy
from django_integration.downloads.settings import app_settings


@dataclass(frozen=True, kw_only=True)
class ClaimedPart:
    """One locator that this run is to deliver, looked up in the catalogue just now."""

    locator_id: int
    title: str
    licence: str
    wanted: Wanted
    #: False: it gets a link of its own.
    packaged: bool
    #: Bytes above which an administrator must approve it first; None where that is done or not needed.
    public_limit: int | None
    #: Why it cannot be fetched at all, found in the catalogue.
    refusal: PermanentError | None = None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A worker's hold on a request, and what it is to do."""

    request_id: int
    public_id: str
    owner: str
    attempt: int
    created_at: datetime
    language: str
    parts: tuple[ClaimedPart, ...]
    policy: DownloadPolicy


@dataclass(frozen=True, kw_only=True)
class MadeLink:
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


#: How one part ended that was not delivered.
Failure = DownmanError | NeedsApproval


def claim(request_id: int, *, owner: str) -> Claim | None:
    """Take what is due of a request for `owner`, or give None: nothing is due, or another worker has it."""
    now = timezone.now()
    with changing(request_id, actor=owner) as change:
        request = change.request
        leased_by_other = request.lease_until and request.lease_until > now and request.lease_owner != owner
        if request.status not in OPEN_REQUESTS or leased_by_other:
            return None
        _hand_back(change)
        due = list(_due_locators(request, now))
        if not due:
            change.set_facts(lease_owner="", lease_until=None)
            change.settle()
            return None
        for locator in due:
            change.move_locators([locator], LocatorStatus.FETCHING, attempts=locator.attempts + 1, retry_at=None)
        change.set_facts(lease_owner=owner, lease_until=_lease_end(now), due_at=None)
        change.settle(reason="a worker started")
        policy = current_policy()
        return Claim(
            request_id=request.pk,
            public_id=str(request.public_id),
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
    claimed: Claim, *, links: Sequence[MadeLink], failures: Mapping[int, Failure], sizes: Mapping[int, int]
) -> RequestStatus | None:
    """Write how a run ended, all at once: links, states, mails owed, the next run; and end the lease.

    `sizes` gives the bytes of each delivered locator. Gives None, and changes nothing, when a part that a link
    delivers was cancelled meanwhile: the caller makes it anew without that part. Raises `LeaseLost`.
    """
    now = timezone.now()
    with changing(claimed.request_id, actor=claimed.owner) as change:
        request = change.request
        if request.lease_owner != claimed.owner:
            raise LeaseLost
        fetching = {row.pk: row for row in request.locators.filter(status=LocatorStatus.FETCHING)}
        if any(locator_id not in fetching for link in links for locator_id in link.locator_ids):
            return None
        expires_at = now + timedelta(days=claimed.policy.validity_days)
        for link in links:
            _deliver(change, link, [fetching[locator_id] for locator_id in link.locator_ids], expires_at, sizes)
        for locator_id, failure in failures.items():
            if locator_id in fetching:
                _fail(change, fetching[locator_id], failure, now)
        _hand_back(change)
        change.set_facts(lease_owner="", lease_until=None)
        _plan_next_run(change, now)
        outcome = change.settle(reason="a run ended")
        kind = NOTICE_FOR.get(outcome)
        # Parts that come in while others are awaited are worth a mail only when something new can be taken.
        if kind is not None and (links or outcome is not RequestStatus.PARTLY_READY):
            owe_notice(request, kind, fact=str(claimed.attempt))
        return outcome


def hand_back_lost(request_id: int) -> bool:
    """Take a request from a worker whose lease is over, and have it started again; say whether it was so."""
    now = timezone.now()
    with changing(request_id, actor="recover-stalled") as change:
        if not change.request.lease_until or change.request.lease_until > now:
            return False
        _hand_back(change, reason="its worker was lost")
        change.set_facts(lease_owner="", lease_until=None)
        _plan_next_run(change, now)
        change.settle(reason="its worker was lost")
        return True


def _lease_end(now: datetime) -> datetime:
    return now + timedelta(seconds=app_settings().lease_seconds)


def _due_locators(request: DownloadRequest, now: datetime) -> QuerySet[ResourceLocator]:
    return request.locators.filter(
        Q(retry_at=None) | Q(retry_at__lte=now), status__in=STARTABLE_LOCATORS
    ).select_related("resource")


def _hand_back(change: Change, *, reason: str = "handed back") -> None:
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
        title=resource.title,
        licence=resource.licence,
        wanted=Wanted(
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
    )


def _deliver(
    change: Change, made: MadeLink, locators: Sequence[ResourceLocator], expires_at: datetime, sizes: Mapping[int, int]
) -> None:
    link = DownloadLink.objects.create(
        request=change.request,
        delivery=made.delivery.value,
        name=made.name,
        target=made.target,
        size=made.size,
        sha256=made.sha256,
        expires_at=expires_at,
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
        )


def _fail(change: Change, locator: ResourceLocator, failure: Failure, now: datetime) -> None:
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
        change.move_locators(
            [locator], LocatorStatus.WAITING_FOR_SPACE, reason=str(failure), retry_at=now + SPACE_RETRY, **facts
        )
        return
    first_failed_at = locator.first_failed_at or now
    if isinstance(failure, TemporaryError):
        delay = SOURCE_RETRIES.next_delay(locator.attempts, now - first_failed_at)
        if delay is not None:
            change.move_locators(
                [locator],
                LocatorStatus.RETRYING,
                reason=str(failure),
                retry_at=now + max(delay, failure.retry_after or delay),
                first_failed_at=first_failed_at,
                **facts,
            )
            return
        failure = GaveUp(days=SOURCE_RETRIES.give_up_after.days)
        facts = {"error_code": failure.code, "error_details": dict(failure.details)}
    change.move_locators([locator], LocatorStatus.FAILED, reason=str(failure), first_failed_at=first_failed_at, **facts)


def _plan_next_run(change: Change, now: datetime) -> None:
    """Give the request its next run, when a part needs one, and have it asked for."""
    times = [
        row.retry_at or now for row in change.request.locators.filter(status__in=STARTABLE_LOCATORS).only("retry_at")
    ]
    if times:
        change.set_facts(due_at=min(times), attempt=change.request.attempt + 1, run_id=None)
        start_packaging_on_commit(change.request.pk)
