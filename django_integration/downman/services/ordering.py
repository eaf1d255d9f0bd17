"""Taking an order: everything a client sends is checked against the catalogue and the rules, then stored in one go."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from downman.domain.errors import IllegalTransition, OrderRefused
from downman.domain.notices import NoticeKind
from downman.domain.policy import DownloadPolicy
from downman.domain.request import Order, OrderLine
from downman.domain.status import Approval, LocatorStatus, RequestStatus
from downman.models import DownloadRequest, Resource, ResourceLocator
from downman.models.numbers import create_numbered
from downman.services import verification
from downman.services.announcements import announce_order
from downman.services.bbox_validation import check_bbox
from downman.services.limits import get_limiter
from downman.services.missing import is_missing
from downman.services.notices import enqueue_notice
from downman.services.order_parameters import check_area, check_format, keep_honoured
from downman.services.policy import current_policy
from downman.services.requesters import checked_email, checked_language
from downman.services.transitions import REQUESTER, lock_order
from downman.signals import order_placed


def place_request(
    order: Order, *, raw_order: Mapping[str, Any], user: models.Model | None = None, client: str | None = None
) -> DownloadRequest:
    """Store an order with its parts, first events and first mail in one transaction, and have it started.

    `client` is the IP address of the one who orders (`client_address`); limits hold only where it is given.

    Raises `OrderRefused`, with the field and what to change, and `LimitReached`; nothing is stored then.
    """
    email = checked_email(order.email)
    language = checked_language(order.language)
    policy = current_policy()
    is_verified = not verification.is_needed(email, user)
    limiter = get_limiter(policy, client=client, user=user, email=email, is_verified=is_verified)
    limiter.check()
    locators = _checked_lines(order.lines, policy)
    with transaction.atomic():
        request = create_numbered(
            DownloadRequest,
            email=email,
            user=user,
            language=language,
            raw_order=raw_order,
            address_verified=is_verified,
            status=(RequestStatus.QUEUED if is_verified else RequestStatus.UNVERIFIED).value,
        )
        if is_verified:
            # Before a run is asked for: what that sends comes after it.
            announce_order(order_placed, request.pk)
        for locator in locators:
            locator.request = request
        ResourceLocator.objects.bulk_create(locators)
        with lock_order(request.pk, actor=REQUESTER) as change:
            change.record_creation()
            if is_verified:
                enqueue_notice(change.request, NoticeKind.RECEIVED, fact="order")
            else:
                verification.ask(change.request, email)
            change.recompute_status(reason="ordered")
        # Last: others of the same network or person wait from here until the commit.
        limiter.count()
    return change.request


def order_again(
    request: DownloadRequest, *, user: models.Model | None = None, client: str | None = None
) -> DownloadRequest:
    """Place a new order of what an earlier one did not give, or gives no longer, with the same choices.

    It is the order of `user`, who asks for it; of the earlier one's user where that is not known.

    Raises `OrderRefused` when the catalogue no longer offers it so, `LimitReached`, and `IllegalTransition` while there
    is nothing to order again.
    """
    missing = [row for row in request.locators.select_related("link", "resource") if is_missing(row, request)]
    if not missing:
        raise IllegalTransition(status=request.status)
    lines = tuple(keep_honoured(_to_line(row), row.resource) for row in missing)
    order = Order(email=request.email, language=request.language, lines=lines)
    return place_request(order, raw_order={"again": request.pk}, user=user or request.user, client=client)


def _to_line(row: ResourceLocator) -> OrderLine:
    bbox = tuple(row.bbox) if row.bbox else None
    return OrderLine(resource=row.resource_id, format=row.format, bbox=bbox, crs=row.crs)


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
    field = f"resources.{position}"
    crs = check_bbox(line, resource, field=field)
    check_area(line, resource, field=field)
    needs_approval = resource.restricted or (resource.size_bytes or 0) > policy.max_public_bytes
    return ResourceLocator(
        position=position,
        resource=resource,
        format=check_format(line, resource, field=field),
        bbox=list(line.bbox) if line.bbox else None,
        crs=crs,
        bytes_total=resource.size_bytes,
        status=LocatorStatus.AWAITING_APPROVAL.value if needs_approval else LocatorStatus.QUEUED.value,
        approval=Approval.PENDING.value if needs_approval else Approval.NOT_REQUIRED.value,
    )
