"""Taking an order: everything a client sends is checked against the catalogue and the rules, then stored in one go."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import get_supported_language_variant
from django.utils.translation import gettext as _

from downman.domain.errors import IllegalTransition, OrderRefused
from downman.domain.notices import NoticeKind
from downman.domain.policy import DownloadPolicy
from downman.domain.request import Order, OrderLine
from downman.domain.status import ENDED_REQUESTS, SETTLED_LOCATORS, Approval, LinkStatus, LocatorStatus, RequestStatus
from downman.models import DownloadRequest, Resource, ResourceLocator
from downman.models.numbers import create_numbered
from downman.services.bbox_validation import check_bbox
from downman.services.links import status_now
from downman.services.notices import enqueue_notice
from downman.services.policy import current_policy
from downman.services.transitions import REQUESTER, lock_order

#: RFC 5646, as far as a web site needs it.
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
_LONGEST_EMAIL = 254


def place_request(order: Order, *, raw_order: Mapping[str, Any], user: User | None = None) -> DownloadRequest:
    """Store an order with its parts, first events and first mail in one transaction, and have it started.

    Raises `OrderRefused`, with the field and what to change, before anything is stored.
    """
    email = checked_email(order.email)
    language = checked_language(order.language)
    policy = current_policy()
    locators = _checked_lines(order.lines, policy)
    with transaction.atomic():
        request = create_numbered(DownloadRequest, email=email, user=user, language=language, raw_order=raw_order)
        for locator in locators:
            locator.request = request
        ResourceLocator.objects.bulk_create(locators)
        with lock_order(request.pk, actor=REQUESTER) as change:
            change.record_creation()
            enqueue_notice(change.request, NoticeKind.RECEIVED, fact="order")
            change.recompute_status(reason="ordered")
    return change.request


def order_again(request: DownloadRequest) -> DownloadRequest:
    """Place a new order of what an earlier one did not give, or gives no longer, with the same choices.

    Raises `OrderRefused` when the catalogue no longer offers it so, and `IllegalTransition` while there is nothing to
    order again.
    """
    missing = [row for row in request.locators.select_related("link") if is_missing(row, request)]
    if not missing:
        raise IllegalTransition(status=request.status)
    lines = tuple(
        OrderLine(resource=row.resource_id, format=row.format, bbox=tuple(row.bbox) if row.bbox else None, crs=row.crs)
        for row in missing
    )
    order = Order(email=request.email, language=request.language, lines=lines)
    return place_request(order, raw_order={"again": request.pk}, user=request.user)


def is_missing(locator: ResourceLocator, request: DownloadRequest) -> bool:
    """Return whether a part of an order that has come to its end can not, or no longer, be taken.

    One that an administrator rejected does not count: the same order again would only ask for the same decision.
    """
    if request.status not in ENDED_REQUESTS | {RequestStatus.READY, RequestStatus.READY_WITH_ERRORS}:
        return False
    if locator.status == LocatorStatus.DELIVERED and locator.link is not None:
        return status_now(locator.link) != LinkStatus.ACTIVE
    return locator.status in SETTLED_LOCATORS and locator.approval != Approval.REJECTED


def checked_email(email: str) -> str:
    """Return an address as it is kept; raises `OrderRefused` for what is none."""
    email = email.strip(" ")
    try:
        if len(email) > _LONGEST_EMAIL or not email.isprintable():
            raise ValidationError("")
        validate_email(email)
    except ValidationError as exc:
        raise OrderRefused(
            field="email", message=_("This is not an e-mail address. Write it like name@example.org.")
        ) from exc
    return email


def checked_language(language: str) -> str:
    """Return the language in which the site writes to somebody; raises `OrderRefused` for what is none."""
    if not language:
        return django_settings.LANGUAGE_CODE
    if not _LANGUAGE.fullmatch(language):
        raise OrderRefused(field="language", message=_("This is not a language. Write a code like en or es."))
    try:
        return get_supported_language_variant(language.lower())
    except LookupError:
        return django_settings.LANGUAGE_CODE


def _checked_lines(lines: Sequence[OrderLine], policy: DownloadPolicy) -> list[ResourceLocator]:
    if not lines:
        raise OrderRefused(field="resources", message=_("The order is empty. Choose at least one resource."))
    if len(lines) > policy.cart_limit:
        message = _("The order has {count} resources; at most {limit} can be ordered at once. Split it.")
        raise OrderRefused(field="resources", message=message.format(count=len(lines), limit=policy.cart_limit))
    offered = Resource.objects.filter(offered=True).in_bulk(
        [line.resource for line in lines if "\0" not in line.resource]
    )
    locators: list[ResourceLocator] = []
    seen: set[tuple[object, ...]] = set()
    for position, line in enumerate(lines):
        resource = offered.get(line.resource)
        if resource is None:
            raise OrderRefused(
                field=f"resources.{position}.resource",
                message=_("The catalogue has no such resource. Choose one of those that it lists."),
            )
        locator = _to_part(line, resource, position, policy)
        key = (resource.pk, locator.format, tuple(locator.bbox or ()), locator.crs)
        if key in seen:
            raise OrderRefused(
                field=f"resources.{position}.resource",
                message=_("This resource is in the order twice with the same choices. Leave one of them out."),
            )
        seen.add(key)
        locators.append(locator)
    return locators


def _to_part(line: OrderLine, resource: Resource, position: int, policy: DownloadPolicy) -> ResourceLocator:
    crs = check_bbox(line, resource, field=f"resources.{position}")
    needs_approval = resource.restricted or (resource.size_bytes or 0) > policy.max_public_bytes
    return ResourceLocator(
        position=position,
        resource=resource,
        format=_checked_format(line, resource, position),
        bbox=list(line.bbox) if line.bbox else None,
        crs=crs,
        bytes_total=resource.size_bytes,
        status=LocatorStatus.AWAITING_APPROVAL.value if needs_approval else LocatorStatus.QUEUED.value,
        approval=Approval.PENDING.value if needs_approval else Approval.NOT_REQUIRED.value,
    )


def _checked_format(line: OrderLine, resource: Resource, position: int) -> str:
    formats: list[str] = resource.formats
    if not line.format:
        return formats[0] if formats else ""
    for offered in formats:
        if offered.casefold() == line.format.casefold():
            return offered
    if formats:
        message = _("This resource is not offered in that format. Choose one of: {formats}.")
    else:
        message = _("This resource comes as it is. Leave the format out.")
    raise OrderRefused(field=f"resources.{position}.format", message=message.format(formats=", ".join(formats)))
