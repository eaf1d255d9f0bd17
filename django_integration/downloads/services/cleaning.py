"""Ends links whose time is over and deletes what nobody may take any more."""

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils import timezone

from django_integration.domain.policy import Delivery
from django_integration.domain.status import LinkStatus
from django_integration.downloads.models import DownloadLink, DownloadRequest
from django_integration.downloads.services.changes import changing
from django_integration.downloads.services.store import package_path
from django_integration.downloads.settings import app_settings

#: Links and packages of one run; the next run goes on.
BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What one cleaning did."""

    expired: int
    deleted: int
    orphans: int
    #: Bytes given back to the disk.
    freed_bytes: int


def clean_expired() -> Cleaned:
    """Expire links, delete their packages, and delete what nobody owns."""
    expired = _expire_links()
    deleted, freed = _delete_packages()
    orphans, freed_by_orphans = _delete_orphans()
    return Cleaned(expired=expired, deleted=deleted, orphans=orphans, freed_bytes=freed + freed_by_orphans)


def _expire_links() -> int:
    due = DownloadLink.objects.filter(status=LinkStatus.ACTIVE, expires_at__lte=timezone.now())
    count = 0
    for pk, request_id in due.order_by("expires_at").values_list("pk", "request_id")[:BATCH]:
        with changing(request_id, actor="clean-expired") as change:
            count += DownloadLink.objects.filter(pk=pk).move_to(LinkStatus.EXPIRED)
            change.settle(reason="its link expired")
    return count


def _delete_packages() -> tuple[int, int]:
    ended = DownloadLink.objects.filter(delivery=Delivery.PACKAGE, deleted_at=None).exclude(status=LinkStatus.ACTIVE)
    count = freed = 0
    for link in ended.order_by("pk")[:BATCH]:
        path = package_path(link.target)
        path.unlink(missing_ok=True)
        _remove_empty(path.parent, app_settings().package_dir)
        DownloadLink.objects.filter(pk=link.pk).update(deleted_at=timezone.now())
        count += 1
        freed += link.size or 0
    return count, freed


def _delete_orphans() -> tuple[int, int]:
    """Delete old files of the package folder without a link, and old staging of requests that nobody works on."""
    settings = app_settings()
    oldest = time.time() - settings.orphan_after_seconds
    count = freed = 0
    for path in _without_link(settings.package_dir, oldest):
        freed += path.stat().st_size
        path.unlink(missing_ok=True)
        _remove_empty(path.parent, settings.package_dir)
        count += 1
    for folder in _older_than(oldest, settings.staging_dir.iterdir() if settings.staging_dir.is_dir() else ()):
        if folder.is_dir() and not (folder.name.isdigit() and _is_worked_on(int(folder.name))):
            freed += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
    return count, freed


def _without_link(root: Path, oldest: float) -> Iterator[Path]:
    """Give the old files that no link leads to; asks the database once for many of them."""
    old = [path for path in _older_than(oldest, root.rglob("*")) if path.is_file()] if root.is_dir() else []
    for start in range(0, len(old), BATCH):
        targets = {path.relative_to(root).as_posix(): path for path in old[start : start + BATCH]}
        linked = DownloadLink.objects.filter(target__in=targets, delivery=Delivery.PACKAGE)
        for target in targets.keys() - set(linked.values_list("target", flat=True)):
            yield targets[target]


def _is_worked_on(request_id: int) -> bool:
    return DownloadRequest.objects.filter(pk=request_id, lease_until__gt=timezone.now()).exists()


def _older_than(oldest: float, paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        # Another cleaning may have been here first.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                yield path


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder, and those above it up to `root`, where nothing else is in them."""
    with contextlib.suppress(OSError):
        while folder != root:
            folder.rmdir()
            folder = folder.parent
