"""What administrators decide on: whether a part of an order is delivered, and when."""

from downman.domain.errors import IllegalTransition
from downman.domain.status import Approval, LocatorStatus, RequestStatus
from downman.models import ResourceLocator
from downman.services.transitions import OrderChange, lock_order


def accept(locator_id: int, *, actor: str, note: str = "") -> RequestStatus:
    """Let a part that waits for a decision be delivered, whatever its size. Raises `IllegalTransition`."""
    with lock_order(_get_order(locator_id), actor=actor) as change:
        locator = _undecided(change, locator_id)
        change.move_locators(
            [locator],
            LocatorStatus.QUEUED,
            reason=note or "accepted",
            approval=Approval.ACCEPTED.value,
            decision_note=note[:500],
            retry_at=None,
        )
        return change.recompute_status(reason="accepted")


def reject(locator_id: int, *, actor: str, note: str = "") -> RequestStatus:
    """Refuse a part that waits for a decision; the rest is delivered. Raises `IllegalTransition`."""
    with lock_order(_get_order(locator_id), actor=actor) as change:
        locator = _undecided(change, locator_id)
        change.move_locators(
            [locator],
            LocatorStatus.CANCELLED,
            reason=note or "rejected",
            approval=Approval.REJECTED.value,
            decision_note=note[:500],
        )
        return change.recompute_status(reason="rejected")


def hold(locator_id: int, *, actor: str, note: str = "") -> RequestStatus:
    """Stop a part until it is released, also while it is fetched. Raises `IllegalTransition`."""
    with lock_order(_get_order(locator_id), actor=actor) as change:
        locator = change.request.locators.get(pk=locator_id)
        if not change.move_locators(
            [locator], LocatorStatus.ON_HOLD, reason=note or "put on hold", decision_note=note[:500]
        ):
            raise IllegalTransition(status=locator.status)
        return change.recompute_status(reason="put on hold")


def release(locator_id: int, *, actor: str) -> RequestStatus:
    """Resume a part that was put on hold. Raises `IllegalTransition`, also for one that waits for a decision."""
    with lock_order(_get_order(locator_id), actor=actor) as change:
        locator = change.request.locators.get(pk=locator_id)
        if locator.status != LocatorStatus.ON_HOLD:
            raise IllegalTransition(status=locator.status)
        # What was written when it was stopped is no longer true.
        change.move_locators([locator], LocatorStatus.QUEUED, reason="released", decision_note="", retry_at=None)
        return change.recompute_status(reason="released")


def _get_order(locator_id: int) -> int:
    return ResourceLocator.objects.values_list("request_id", flat=True).get(pk=locator_id)


def _undecided(change: OrderChange, locator_id: int) -> ResourceLocator:
    locator = change.request.locators.get(pk=locator_id)
    if locator.status != LocatorStatus.AWAITING_APPROVAL:
        raise IllegalTransition(status=locator.status)
    return locator
