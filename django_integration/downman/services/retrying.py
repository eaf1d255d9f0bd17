"""Trying an order again before its time."""

from django.utils import timezone

from downman.domain.errors import IllegalTransition
from downman.domain.status import STARTABLE_LOCATORS
from downman.services.transitions import lock_order


def try_now(request_id: int, *, actor: str) -> int:
    """Have the parts of a request that wait for a later run tried now; give how many they are.

    What failed before still counts: it shortens no later delay, and prolongs no time until it is given up. While a run
    is at work for the request, they are tried when that ends. Raises `IllegalTransition` where no part waits so.
    """
    now = timezone.now()
    with lock_order(request_id, actor=actor) as change:
        later = change.request.locators.filter(status__in=STARTABLE_LOCATORS, retry_at__gt=now)
        parts = later.update(retry_at=now, updated_at=now)
        if not parts:
            raise IllegalTransition(status=change.request.status)
        change.add_event("tried again at once")
        change.recompute_status()
        return parts
