"""Sending the signals of `downman.signals` once what they tell of is committed."""

from django.db import transaction
from django.dispatch import Signal

from downman.domain.status import RequestStatus
from downman.models import DownloadRequest, ResourceLocator
from downman.signals import order_failed, order_ready, part_delivered

#: The signals that follow from a new state of an order.
SIGNAL_FOR = {
    RequestStatus.READY: order_ready,
    RequestStatus.READY_WITH_ERRORS: order_ready,
    RequestStatus.FAILED: order_failed,
}


def announce_order(signal: Signal, request_id: int) -> None:
    """Send a signal about an order once the present transaction stands."""

    def send() -> None:
        # Read anew: receivers may do what they like with it. It may be gone by then.
        if order := DownloadRequest.objects.filter(pk=request_id).first():
            signal.send_robust(sender=DownloadRequest, order=order)

    if signal.has_listeners(DownloadRequest):
        transaction.on_commit(send, robust=True)


def announce_delivery(locator_id: int) -> None:
    """Send `part_delivered` once the present transaction stands."""

    def send() -> None:
        rows = ResourceLocator.objects.select_related("request", "resource", "link")
        if part := rows.filter(pk=locator_id).first():
            part_delivered.send_robust(sender=ResourceLocator, order=part.request, part=part)

    if part_delivered.has_listeners(ResourceLocator):
        transaction.on_commit(send, robust=True)
