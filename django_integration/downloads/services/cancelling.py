"""Cancelling a request: what is under way stops, what can be taken no longer can."""

from django.utils import timezone

from django_integration.domain.errors import IllegalTransition
from django_integration.domain.status import REQUEST_TRANSITIONS, LinkStatus, LocatorStatus, RequestStatus, final_of
from django_integration.downloads.models import DownloadLink
from django_integration.downloads.services.changes import changing


def cancel_request(request_id: int, *, actor: str, by_admin: bool = False) -> RequestStatus:
    """Cancel all parts and links of a request; a second time changes nothing.

    Raises `IllegalTransition` when it has ended in another way.
    """
    link_target = LinkStatus.CANCELLED_BY_ADMIN if by_admin else LinkStatus.CANCELLED_BY_USER
    with changing(request_id, actor=actor) as change:
        request = change.request
        if request.status == RequestStatus.CANCELLED:
            return RequestStatus.CANCELLED
        if request.status in final_of(REQUEST_TRANSITIONS):
            raise IllegalTransition(status=request.status.replace("_", " "))
        DownloadLink.objects.filter(request=request).move_to(link_target)
        change.move_locators(request.locators.all(), LocatorStatus.CANCELLED, reason="the request was cancelled")
        change.set_facts(cancelled_at=timezone.now())
        return change.settle(reason="the request was cancelled")
