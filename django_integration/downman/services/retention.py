"""Ends what is past its time: links are warned of and ended, packages deleted, orders forgotten.

Everything here is found by an index on its time: it costs by what is due, not by what exists.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from downman.domain.jobs import Job
from downman.domain.notices import NoticeKind
from downman.domain.policy import Delivery
from downman.domain.status import ENDED_REQUESTS, SETTLED_LOCATORS, GenericStatus, LinkStatus, RequestStatus
from downman.models import DownloadLink, DownloadRequest, GenericRequest, ResourceLocator
from downman.services.cancelling import end_all
from downman.services.db_retry import retry_on_disconnect
from downman.services.limits import delete_old_uses
from downman.services.notices import enqueue_notice
from downman.services.package_storage import delete_package
from downman.services.policy import current_policy
from downman.services.transitions import lock_order
from downman.settings import app_settings

#: Links, packages and orders of one run; the next run continues.
BATCH = 1000
NOT_CONFIRMED = "its e-mail address was not confirmed in time"


@dataclass(frozen=True, kw_only=True)
class CleanupResult:
    """What one cleaning did."""

    warned: int = 0
    expired: int = 0
    #: Links ended before their time, because the packages took more than their budget.
    evicted: int = 0
    deleted: int = 0
    #: Bytes given back to the disk.
    freed_bytes: int = 0
    #: Orders and generic requests whose e-mail address was not confirmed in time; they were cancelled.
    unverified: int = 0
    #: Orders and generic requests whose rows were deleted.
    forgotten: int = 0


def clean_expired() -> CleanupResult:
    """Do everything whose time has come."""
    warned = _warn_of_ends()
    expired = _expire_links()
    evicted = _evict_over_budget()
    deleted, freed = _delete_packages()
    delete_old_uses(current_policy())
    return CleanupResult(
        warned=warned,
        expired=expired,
        evicted=evicted,
        deleted=deleted,
        freed_bytes=freed,
        unverified=_cancel_unverified(),
        forgotten=_delete_old_orders(),
    )


@retry_on_disconnect
def free_space() -> int:
    """Delete the packages that nobody may take any more, now rather than at the next cleaning; give the bytes freed."""
    _expire_links()
    _evict_over_budget()
    _deleted, freed = _delete_packages()
    return freed


def stored_bytes() -> int:
    """Return the bytes of all packages that are on the disk."""
    total: int = _stored().aggregate(total=Sum("size", default=0))["total"]
    return total


def _warn_of_ends() -> int:
    hours = app_settings().expiry_warning_hours
    now = timezone.now()
    ending = DownloadLink.objects.filter(
        status=LinkStatus.ACTIVE, warned_at=None, expires_at__lte=now + timedelta(hours=hours), expires_at__gt=now
    )
    requests = dict.fromkeys(
        ending.order_by("expires_at").values_list("request_id", flat=True)[: BATCH if hours else 0]
    )
    for request_id in requests:
        with lock_order(request_id, actor=Job.CLEAN_EXPIRED) as change:
            links = list(change.request.links.filter(pk__in=ending).order_by("pk"))
            DownloadLink.objects.filter(pk__in=[link.pk for link in links]).update(warned_at=now)
            if links:
                enqueue_notice(
                    change.request, NoticeKind.EXPIRING, fact=f"{links[0].pk} {links[0].expires_at:%Y-%m-%dT%H:%M:%S}"
                )
    return len(requests)


def _expire_links() -> int:
    due = DownloadLink.objects.filter(status=LinkStatus.ACTIVE, expires_at__lte=timezone.now())
    return sum(
        _end(pk, request_id, reason="its link expired")
        for pk, request_id in due.order_by("expires_at").values_list("pk", "request_id")[:BATCH]
    )


def _evict_over_budget() -> int:
    """End links before their time, least recently used first, where the administrator allows it."""
    settings = app_settings()
    if not settings.storage_budget_bytes or not settings.evict_promised:
        return 0
    promised = _stored().filter(status=LinkStatus.ACTIVE)
    excess = (promised.aggregate(total=Sum("size", default=0))["total"]) - settings.storage_budget_bytes
    count = 0
    last_used = Coalesce(F("last_download_at"), F("created_at"))
    for pk, request_id, size in promised.order_by(last_used).values_list("pk", "request_id", "size")[:BATCH]:
        if excess <= 0:
            break
        count += _end(pk, request_id, reason="there was no room for it any more", tell=True)
        excess -= size or 0
    return count


def _end(link_id: int, request_id: int, *, reason: str, tell: bool = False) -> int:
    with lock_order(request_id, actor=Job.CLEAN_EXPIRED) as change:
        ended = change.end_links(DownloadLink.objects.filter(pk=link_id), LinkStatus.EXPIRED)
        change.recompute_status(reason=reason)
        if ended and tell:
            enqueue_notice(change.request, NoticeKind.ENDED_EARLY, fact=str(link_id))
        return len(ended)


def _delete_packages() -> tuple[int, int]:
    count = freed = 0
    for link in _deletable().order_by("pk")[:BATCH]:
        delete_package(link.target)
        DownloadLink.objects.filter(pk=link.pk).update(deleted_at=timezone.now())
        count += 1
        freed += link.size or 0
    return count, freed


def _deletable() -> QuerySet[DownloadLink]:
    """Return the packages whose links have ended, but for those from which parts are packaged again."""
    still_needed = ResourceLocator.objects.filter(link=OuterRef("pk")).exclude(status__in=SETTLED_LOCATORS)
    return _stored().exclude(status=LinkStatus.ACTIVE).exclude(Exists(still_needed))


def _stored() -> QuerySet[DownloadLink]:
    return DownloadLink.objects.filter(delivery=Delivery.PACKAGE, deleted_at=None)


def _cancel_unverified() -> int:
    """Cancel what was not confirmed in time. Nobody is told: the address may be a stranger's."""
    before = timezone.now() - timedelta(hours=app_settings().verify_email_hours)
    orders = DownloadRequest.objects.filter(status=RequestStatus.UNVERIFIED, created_at__lt=before).order_by("pk")
    count = 0
    for request_id in orders.values_list("pk", flat=True)[:BATCH]:
        with lock_order(request_id, actor=Job.CLEAN_EXPIRED) as change:
            if change.request.status == RequestStatus.UNVERIFIED:
                end_all(change, reason=NOT_CONFIRMED)
                count += 1
    asked = GenericRequest.objects.filter(status=GenericStatus.UNVERIFIED, created_at__lt=before)
    facts = {"decided_at": timezone.now(), "decided_by": Job.CLEAN_EXPIRED.value}
    return count + asked.move_to(GenericStatus.CANCELLED, **facts)


def _delete_old_orders() -> int:
    days = app_settings().keep_requests_days
    if not days:
        return 0
    before = timezone.now() - timedelta(days=days)
    ended = DownloadRequest.objects.filter(status__in=ENDED_REQUESTS, updated_at__lt=before)
    orders = sum(_delete_order(pk) for pk in ended.order_by("updated_at").values_list("pk", flat=True)[:BATCH])
    decided = GenericRequest.objects.filter(decided_at__lt=before).values("pk")[:BATCH]
    _rows, by_model = GenericRequest.objects.filter(pk__in=decided).delete()
    return orders + by_model.get(GenericRequest._meta.label, 0)  # noqa: SLF001 - Django's name for the key


def _delete_order(request_id: int) -> int:
    for link in _stored().filter(request_id=request_id):
        delete_package(link.target)
    DownloadRequest.objects.filter(pk=request_id, status__in=ENDED_REQUESTS).delete()
    return 1
