"""The disk space that orders need: estimated, reserved while a run fetches, and waited for where there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q, Sum

from downman.domain.errors import NoSpace
from downman.domain.status import LocatorStatus
from downman.models import DownloadRequest, ResourceLocator
from downman.settings import app_settings

#: A number of our own among PostgreSQL's advisory locks.
_SPACE_LOCK = 7_362_001


@dataclass(frozen=True, kw_only=True)
class InsufficientSpace:
    """A request that cannot start: the disks have no room for it besides what is under way."""

    needed_bytes: int
    free_bytes: int


def estimate_bytes(locator: ResourceLocator) -> int:
    """Return the bytes that a part is expected to take: what its source or the catalogue said, else a default."""
    return app_settings().default_estimate_bytes if locator.bytes_total is None else locator.bytes_total


def reserved_by_others(request: DownloadRequest, now: datetime) -> int:
    """Return the bytes that other runs have reserved and not written yet.

    No two requests may count the same room, so only one counts at a time, until its transaction ends.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SPACE_LOCK])
    under_way = DownloadRequest.objects.filter(lease_until__gt=now).exclude(pk=request.pk)
    written = Sum("locators__bytes_done", filter=Q(locators__status=LocatorStatus.FETCHING), default=0)
    rows = under_way.annotate(written=written).values_list("reserved_bytes", "written")
    return sum(max(0, reserved - written) for reserved, written in rows)


def wait_for_space(locators: Sequence[ResourceLocator], now: datetime) -> None:
    """Let parts ask again later for the space that they need; the caller moves them to their state."""
    facts = {"error_code": NoSpace.code, "error_details": {}}
    ResourceLocator.objects.filter(pk__in=[row.pk for row in locators]).update(retry_at=retry_time(now), **facts)


def retry_time(now: datetime) -> datetime:
    """Return when a part that waits for space asks again."""
    return now + timedelta(seconds=app_settings().space_retry_seconds)
