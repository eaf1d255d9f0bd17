"""What a person may know of an order: one view of it for the API, the page and the mails."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from django_integration.domain.errors import sentences
from django_integration.domain.policy import Delivery
from django_integration.domain.status import LocatorStatus, RequestStatus
from django_integration.downloads.models import DownloadLink, DownloadRequest, GenericRequest, ResourceLocator
from django_integration.downloads.services import links
from django_integration.downloads.settings import app_settings


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an order is, in bytes of its data."""

    bytes_done: int
    #: None while a source has not said how much it sends.
    bytes_total: int | None
    #: 0 to 100.
    percent: int


@dataclass(frozen=True, kw_only=True)
class TrackedResource:
    """One resource of an order."""

    resource: str
    title: str
    format: str
    status: str
    approval: str
    #: Why it failed, or is late, in the reader's language; empty when all is well.
    error: str
    attempts: int
    retry_at: datetime | None
    bytes_done: int
    bytes_total: int | None


@dataclass(frozen=True, kw_only=True)
class TrackedLink:
    """One link of an order."""

    url: str
    name: str
    size: int | None
    sha256: str
    expires_at: datetime
    status: str
    #: It is a package, with a manifest; else a file as it is.
    packaged: bool


@dataclass(frozen=True, kw_only=True)
class TrackedRequest:
    """An order, without anything that tells who made it."""

    id: UUID
    status: str
    created_at: datetime
    progress: Progress
    #: How many orders are served before this one; None when it does not wait for its turn.
    queue_position: int | None
    resources: list[TrackedResource]
    links: list[TrackedLink]
    tracking_url: str


def find_request(public_id: UUID | str) -> DownloadRequest:
    """Give the request; raises `DownloadRequest.DoesNotExist`, also for what is no id at all."""
    try:
        return DownloadRequest.objects.get(public_id=public_id)
    except ValidationError as exc:
        raise DownloadRequest.DoesNotExist from exc


def track(request: DownloadRequest) -> TrackedRequest:
    """Tell how a request stands; three queries, one more while it is queued."""
    locators = list(request.locators.select_related("resource"))
    return TrackedRequest(
        id=request.public_id,
        status=request.status,
        created_at=request.created_at,
        progress=_progress(request, locators),
        queue_position=_queue_position(request),
        resources=[_tracked(locator) for locator in locators],
        links=[_tracked_link(link) for link in request.links.all()],
        tracking_url=tracking_url(request),
    )


def tracking_url(request: DownloadRequest) -> str:
    """Give the whole address of the page on which the order can be followed."""
    return site_address(reverse("downloads:tracking", args=[request.public_id]))


def generic_url(wish: GenericRequest) -> str:
    """Give the whole address of the page on which a generic request can be followed."""
    return site_address(reverse("downloads:generic-tracking", args=[wish.public_id]))


def decision_url(model: str, pk: int) -> str:
    """Give the whole address of the page on which administrators decide; empty where the site has no admin pages."""
    try:
        return site_address(reverse(f"admin:downloads_{model}_change", args=[pk]))
    except NoReverseMatch:
        return ""


def link_url(link: DownloadLink) -> str:
    """Give the whole address under which it can be taken."""
    return site_address(reverse("downloads:link", args=[link.token, link.name]))


def site_address(path: str) -> str:
    """Put the site's address before a path."""
    return app_settings().site_url.rstrip("/") + path


def words_of(locator: ResourceLocator) -> str:
    """Put a locator's stored error into words of the active language."""
    if not locator.error_code:
        return ""
    sentence = sentences().get(locator.error_code, sentences()["error"])
    return _(sentence).format_map(_Details(locator.error_details))


class _Details(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def _progress(request: DownloadRequest, locators: list[ResourceLocator]) -> Progress:
    wanted = [row for row in locators if row.status not in {LocatorStatus.FAILED, LocatorStatus.CANCELLED}]
    done = sum(row.bytes_done for row in wanted)
    known = [row.bytes_total for row in wanted if row.bytes_total is not None]
    total = sum(known) if len(known) == len(wanted) and wanted else None
    if request.status in {RequestStatus.READY, RequestStatus.READY_WITH_ERRORS}:
        percent = 100
    elif total:
        # All bytes are here before the package is: 100 is kept for what can be taken.
        percent = min(99, done * 100 // total)
    else:
        percent = 0
    return Progress(bytes_done=done, bytes_total=total, percent=percent)


def _queue_position(request: DownloadRequest) -> int | None:
    if request.status != RequestStatus.QUEUED:
        return None
    return DownloadRequest.objects.filter(status=RequestStatus.QUEUED, pk__lt=request.pk).count()


def _tracked(locator: ResourceLocator) -> TrackedResource:
    return TrackedResource(
        resource=locator.resource_id,
        title=locator.resource.title,
        format=locator.format,
        status=locator.status,
        approval=locator.approval,
        error=words_of(locator),
        attempts=locator.attempts,
        retry_at=locator.retry_at,
        bytes_done=locator.bytes_done,
        bytes_total=locator.bytes_total,
    )


def _tracked_link(link: DownloadLink) -> TrackedLink:
    return TrackedLink(
        url=link_url(link),
        name=link.name,
        size=link.size,
        sha256=link.sha256,
        expires_at=link.expires_at,
        status=links.status_now(link),
        packaged=link.delivery == Delivery.PACKAGE,
    )
