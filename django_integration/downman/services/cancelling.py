"""Cancelling an order, one of its resources, or one of its links: what is under way stops, what is left continues."""

from django.utils import timezone

from downman.domain.errors import IllegalTransition
from downman.domain.status import (
    REQUEST_TRANSITIONS,
    STARTABLE_LOCATORS,
    LinkStatus,
    LocatorStatus,
    RequestStatus,
    get_final_statuses,
)
from downman.models import DownloadLink, DownloadRequest, ResourceLocator
from downman.services.current_status import current_status
from downman.services.links import status_now
from downman.services.transitions import REQUESTER, OrderChange, lock_order


def cancel_request(request_id: int, *, actor: str) -> RequestStatus:
    """Cancel all parts and links of a request; a second time changes nothing.

    Raises `IllegalTransition` when it has ended in another way.
    """
    with lock_order(request_id, actor=actor) as change:
        request = change.request
        if request.status == RequestStatus.CANCELLED:
            return RequestStatus.CANCELLED
        _must_go_on(request)
        return end_all(change, reason="the request was cancelled")


def cancel_resource(locator_id: int, *, actor: str, note: str = "") -> RequestStatus:
    """Cancel one part of a request; what was delivered together with it is packaged again, without it.

    Its package can no longer be downloaded from this moment. `note` is what an administrator writes to the requester.
    Raises `IllegalTransition` when the part, or the request, has ended already.
    """
    request_id = ResourceLocator.objects.values_list("request_id", flat=True).get(pk=locator_id)
    with lock_order(request_id, actor=actor) as change:
        locator = change.request.locators.select_related("link").get(pk=locator_id)
        _must_go_on(change.request)
        reason = note or "the resource was cancelled"
        if not change.move_locators([locator], LocatorStatus.CANCELLED, reason=reason, decision_note=note[:500]):
            raise IllegalTransition(status=locator.status)
        if locator.link is not None:
            _package_the_rest(change, locator.link)
        return change.recompute_status(reason=reason)


def cancel_link(link_id: int, *, actor: str) -> RequestStatus:
    """End one link of a request; what it led to counts as cancelled.

    Raises `IllegalTransition` when it has ended already.
    """
    request_id = DownloadLink.objects.values_list("request_id", flat=True).get(pk=link_id)
    with lock_order(request_id, actor=actor) as change:
        link = DownloadLink.objects.get(pk=link_id)
        if status_now(link) != LinkStatus.ACTIVE or not change.end_links([link], _ended_by(actor)):
            raise IllegalTransition(status=status_now(link))
        parts = change.request.locators.filter(link=link, status=LocatorStatus.DELIVERED)
        change.move_locators(parts, LocatorStatus.CANCELLED, reason="its link was cancelled")
        return change.recompute_status(reason="a link was cancelled")


def end_all(change: OrderChange, *, reason: str) -> RequestStatus:
    """Cancel all parts and links of a request that has not ended; call it in the change of that request."""
    change.end_links(change.request.links.all(), _ended_by(change.actor))
    change.move_locators(change.request.locators.all(), LocatorStatus.CANCELLED, reason=reason)
    change.update_fields(cancelled_at=timezone.now())
    return change.recompute_status(reason=reason)


def end_waiting(change: OrderChange, *, reason: str) -> RequestStatus:
    """Cancel the parts of a request that wait for a worker; what can be taken stays."""
    waiting = change.request.locators.filter(status__in=STARTABLE_LOCATORS)
    change.move_locators(waiting, LocatorStatus.CANCELLED, reason=reason)
    return change.recompute_status(reason=reason)


def _package_the_rest(change: OrderChange, link: DownloadLink) -> None:
    """End a link, and queue what else was behind it."""
    if change.end_links([link], _ended_by(change.actor)):
        others = change.request.locators.filter(link=link, status=LocatorStatus.DELIVERED)
        change.move_locators(others, LocatorStatus.QUEUED, reason="packaged again without a cancelled part")


def _must_go_on(request: DownloadRequest) -> None:
    status = current_status(request, request.locators.select_related("link"))
    if status in get_final_statuses(REQUEST_TRANSITIONS):
        raise IllegalTransition(status=status)


def _ended_by(actor: str) -> LinkStatus:
    return LinkStatus.CANCELLED_BY_USER if actor == REQUESTER else LinkStatus.CANCELLED_BY_ADMIN
