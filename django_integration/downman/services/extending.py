"""Keeping what was delivered for longer."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from downman.domain.errors import ExtensionRefused
from downman.domain.status import LinkStatus
from downman.models import DownloadLink
from downman.services.policy import current_policy
from downman.services.transitions import lock_order
from downman.settings import app_settings


def extended_end(link: DownloadLink, *, validity_days: int) -> datetime | None:
    """Return the time to which a link can be extended now; None when it is not extended any more."""
    now = timezone.now()
    latest = link.created_at + timedelta(days=app_settings().max_validity_days)
    end = min(now + timedelta(days=validity_days), latest)
    is_active = link.status == LinkStatus.ACTIVE and link.expires_at > now
    # Less than an hour more is not worth a button.
    return end if is_active and end - link.expires_at >= timedelta(hours=1) else None


def latest_extended_end(links: Iterable[DownloadLink]) -> datetime | None:
    """Return the time to which any of the links can be extended now; one query where one of them can be taken."""
    active = [link for link in links if link.status == LinkStatus.ACTIVE]
    if not active:
        return None
    days = current_policy().validity_days
    return max(filter(None, (extended_end(link, validity_days=days) for link in active)), default=None)


def extend(request_id: int, *, actor: str) -> datetime:
    """Keep everything that can still be taken as long as if it had been made now, within the site's limit.

    Gives the new end; raises `ExtensionRefused` when nothing can be kept any longer.
    """
    days = current_policy().validity_days
    with lock_order(request_id, actor=actor) as change:
        ends = {
            link.pk: end
            for link in change.request.links.filter(status=LinkStatus.ACTIVE)
            if (end := extended_end(link, validity_days=days))
        }
        if not ends:
            raise ExtensionRefused
        for pk, end in ends.items():
            DownloadLink.objects.filter(pk=pk).update(expires_at=end, warned_at=None)
        change.add_event(f"extended to {max(ends.values()).isoformat(timespec='minutes')}")
        return max(ends.values())
