"""What a person may know of an order: one view of it for the API, the page and the mails."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from downman.domain.errors import put_into_words, sentences
from downman.domain.policy import Delivery, VerifyEmail
from downman.domain.progress import to_percent
from downman.domain.status import (
    ENDED_REQUESTS,
    LOCATOR_TRANSITIONS,
    OPEN_REQUESTS,
    Approval,
    LinkStatus,
    LocatorStatus,
    NoticeStatus,
    RequestStatus,
)
from downman.models import AddressVerification, DownloadLink, DownloadRequest, GenericRequest, Notice, ResourceLocator
from downman.services import links
from downman.services.current_status import current_status
from downman.services.extending import latest_extended_end
from downman.services.missing import is_missing
from downman.settings import app_settings

#: Whether an e-mail about an order, to its present address, was given up.
_MAIL_FAILED = models.Exists(
    Notice.objects.filter(
        request=models.OuterRef("request"),
        recipient=models.OuterRef("request__email"),
        status=NoticeStatus.FAILED.value,
    )
)
#: For pages and mails only: not part of the API.
PAGE_ONLY = {"page_only": True}


#: Nothing more comes of an order in one of these, which has delivered something.
_ALL_DELIVERED = frozenset({RequestStatus.READY, RequestStatus.READY_WITH_ERRORS, RequestStatus.EXPIRED})


def described(text: str) -> Any:
    """Declare a field with the sentence that the API's document has for it."""
    return field(metadata={"description": text})


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far an order is, in bytes of its data."""

    bytes_done: int
    #: None while a source has not said how much it sends.
    bytes_total: int | None
    percent: int = described("0 to 100: of what is known; 100 only when everything has come that will.")


@dataclass(frozen=True, kw_only=True)
class TrackedResource:
    """One resource of an order."""

    position: int = described("Its place in the order, from 0.")
    resource: str
    title: str
    format: str
    status: LocatorStatus
    approval: Approval
    #: In the reader's language.
    error: str = described("Why it failed or is late, in words; empty when all is well.")
    note: str = described("What an administrator wrote about it; empty when nothing was written.")
    attempts: int
    retry_at: datetime | None
    bytes_done: int
    bytes_total: int | None
    unproven: bool = described("Whether it was delivered although nothing proves that it is complete.")
    #: It can be downloaded now.
    downloadable: bool = field(metadata=PAGE_ONLY)
    #: It can not, or no longer, be downloaded, and can be ordered again.
    missing: bool = field(metadata=PAGE_ONLY)
    #: It can be cancelled without the rest of the order.
    can_cancel: bool = field(metadata=PAGE_ONLY)


@dataclass(frozen=True, kw_only=True)
class TrackedLink:
    """A package or file that can be taken."""

    url: str
    name: str
    size: int | None
    sha256: str
    expires_at: datetime
    status: LinkStatus
    #: It is a package, with a manifest; else a file as it is.
    packaged: bool = field(metadata=PAGE_ONLY)
    parts: tuple[int, ...] = field(
        default=(), metadata={"description": "The places in the order, from 0, of what it holds."}
    )
    #: What it holds, in words.
    titles: tuple[str, ...] = field(default=(), metadata=PAGE_ONLY)


@dataclass(frozen=True, kw_only=True)
class TrackedRequest:
    """How an order stands."""

    id: UUID
    number: str = described("What people read to each other; unlike `id` it opens nothing.")
    status: RequestStatus
    created_at: datetime
    progress: Progress
    queue_position: int | None = described("Orders served before this one; null when it does not wait its turn.")
    resources: list[TrackedResource]
    links: list[TrackedLink]
    tracking_url: str
    can_extend: bool = described("Whether what can be taken can be kept longer.")
    can_order_again: bool = described("Whether something of it can not, or no longer, be taken.")
    #: Where the e-mails about it go. The API does not tell who placed an order.
    email: str = field(metadata=PAGE_ONLY)
    #: Another address that was asked for, and is not confirmed yet; empty where none was.
    new_email: str = field(metadata=PAGE_ONLY)
    #: An e-mail to the present address was given up.
    mail_failed: bool = field(metadata=PAGE_ONLY)
    #: How long what can be downloaded is kept if its owner asks for it now; None when it is not kept any longer.
    extended_end: datetime | None = field(metadata=PAGE_ONLY)


def find_request(public_id: UUID | str) -> DownloadRequest:
    """Return the request; raises `DownloadRequest.DoesNotExist`, also for what is no id at all."""
    try:
        return DownloadRequest.objects.get(public_id=public_id)
    except ValidationError as exc:
        raise DownloadRequest.DoesNotExist from exc


def find_resource(public_id: UUID | str, position: int) -> ResourceLocator:
    """Return the resource in that place of an order; raises `ResourceLocator.DoesNotExist` where there is none."""
    return find_request(public_id).locators.get(position=position)


def find_link(public_id: UUID | str, position: int) -> DownloadLink:
    """Return the link in that place of an order's links; raises `DownloadLink.DoesNotExist` where there is none."""
    for place, link in enumerate(find_request(public_id).links.all()):
        if place == position:
            return link
    raise DownloadLink.DoesNotExist


def find_generic(public_id: UUID | str) -> GenericRequest:
    """Return the free-text request; raises `GenericRequest.DoesNotExist`, also for what is no id at all."""
    try:
        return GenericRequest.objects.get(public_id=public_id)
    except ValidationError as exc:
        raise GenericRequest.DoesNotExist from exc


def track(request: DownloadRequest) -> TrackedRequest:
    """Return how a request stands now; two queries, one more while it is queued or something of it can be taken."""
    # Its state is read with its parts', in one statement: a run that ends in between would show each at another moment.
    rows = ResourceLocator.objects.filter(request=request).select_related("request", "resource", "link")
    locators = list(rows.annotate(mail_failed=_MAIL_FAILED))
    request = locators[0].request if locators else request
    status = current_status(request, locators)
    made = list(request.links.all())
    resources = [_tracked(locator, request) for locator in locators]
    extended_end = latest_extended_end(made)
    return TrackedRequest(
        id=request.public_id,
        number=request.number,
        status=status,
        email=request.email,
        new_email=_get_new_email(request),
        mail_failed=bool(locators) and bool(locators[0].mail_failed),  # type: ignore[attr-defined]
        created_at=request.created_at,
        progress=_progress(status, locators),
        queue_position=_queue_position(request),
        resources=resources,
        links=[_tracked_link(link, locators) for link in made],
        tracking_url=tracking_url(request),
        can_extend=extended_end is not None,
        can_order_again=any(row.missing for row in resources),
        extended_end=extended_end,
    )


def tracking_url(request: DownloadRequest) -> str:
    """Return the absolute URL of the page on which the order can be followed."""
    return site_address(reverse("downloads:tracking", args=[request.public_id]))


def generic_url(free_text_request: GenericRequest) -> str:
    """Return the absolute URL of the page on which a free-text request can be followed."""
    return site_address(reverse("downloads:generic-tracking", args=[free_text_request.public_id]))


def confirm_url(asked: AddressVerification) -> str:
    """Return the absolute URL of the page on which an e-mail address is confirmed."""
    return site_address(reverse("downloads:confirm", args=[asked.token]))


def decision_url(model: str, pk: int) -> str:
    """Return the absolute URL of the page on which administrators decide; empty where the site has no admin pages."""
    try:
        return site_address(reverse(f"admin:downloads_{model}_change", args=[pk]))
    except NoReverseMatch:
        return ""


def link_url(link: DownloadLink) -> str:
    """Return the absolute URL under which it can be downloaded."""
    return site_address(reverse("downloads:link", args=[link.token, link.name]))


def site_address(path: str) -> str:
    """Put the site's URL before a path."""
    return app_settings().site_url.rstrip("/") + path


def get_error_text(locator: ResourceLocator) -> str:
    """Put a locator's stored error into words of the active language."""
    if not locator.error_code:
        return ""
    sentence = sentences().get(locator.error_code, sentences()["error"])
    return put_into_words(_(sentence), locator.error_details, ngettext)


def _get_new_email(request: DownloadRequest) -> str:
    """Return the address of an order that its requester has yet to confirm; asks only where the site wants that."""
    if not request.address_verified or app_settings().verify_email is VerifyEmail.NEVER:
        return ""
    asked = request.verifications.last()
    return asked.email if asked and asked.confirmed_at is None and asked.email != request.email else ""


def _progress(status: RequestStatus, locators: list[ResourceLocator]) -> Progress:
    wanted = [row for row in locators if row.status not in {LocatorStatus.FAILED, LocatorStatus.CANCELLED}]
    done = sum(row.bytes_done for row in wanted)
    known = [row.bytes_total for row in wanted if row.bytes_total is not None]
    total = sum(known) if len(known) == len(wanted) and wanted else None
    known_sizes = [(row.bytes_done, row.bytes_total) for row in wanted]
    percent = 100 if status in _ALL_DELIVERED else to_percent(known_sizes)
    return Progress(bytes_done=done, bytes_total=total, percent=percent)


def _queue_position(request: DownloadRequest) -> int | None:
    now = timezone.now()
    if request.status != RequestStatus.QUEUED or request.due_at is None or request.due_at > now:
        return None
    waiting = DownloadRequest.objects.filter(status__in=OPEN_REQUESTS, lease_until=None)
    before = Q(due_at__lt=request.due_at) | Q(due_at=request.due_at, pk__lt=request.pk)
    return waiting.filter(before).count()


def _tracked(locator: ResourceLocator, request: DownloadRequest) -> TrackedResource:
    status = LocatorStatus(locator.status)
    downloadable = locator.link is not None and links.status_now(locator.link) == LinkStatus.ACTIVE
    is_over = request.status in ENDED_REQUESTS or (status == LocatorStatus.DELIVERED and not downloadable)
    return TrackedResource(
        position=locator.position,
        resource=locator.resource_id,
        title=locator.resource.title,
        format=locator.format,
        status=status,
        approval=Approval(locator.approval),
        error=get_error_text(locator),
        note=locator.decision_note,
        attempts=locator.attempts,
        retry_at=locator.retry_at,
        bytes_done=locator.bytes_done,
        bytes_total=locator.bytes_total,
        unproven=locator.unproven,
        downloadable=status == LocatorStatus.DELIVERED and downloadable,
        missing=is_missing(locator, request),
        can_cancel=LocatorStatus.CANCELLED in LOCATOR_TRANSITIONS[status] and not is_over,
    )


def _tracked_link(link: DownloadLink, locators: list[ResourceLocator]) -> TrackedLink:
    # A sidecar belongs to what its main link leads to.
    main = link.main_link_id or link.pk
    return TrackedLink(
        url=link_url(link),
        name=link.name,
        size=link.size,
        sha256=link.sha256,
        expires_at=link.expires_at,
        status=links.status_now(link),
        packaged=link.delivery == Delivery.PACKAGE,
        parts=tuple(row.position for row in locators if row.link_id == main),
        titles=tuple(row.resource.title for row in locators if row.link_id == main),
    )
