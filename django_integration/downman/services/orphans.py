"""Finds files that nobody owns: a walk through the folders, done rarely, for what no row in the database leads to."""

import contextlib
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils import timezone

from downman.domain.policy import Delivery
from downman.domain.ports import PackageStorage, StoredFile
from downman.models import DownloadLink, DownloadRequest
from downman.settings import app_settings
from downman.storage import current_storage

#: Files that are looked up together.
BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What one walk deleted."""

    packages: int
    stagings: int
    freed_bytes: int


def sweep_orphans() -> SweepResult:
    """Delete old files of the package folder without a link, and old staging; never what a live run is writing."""
    settings = app_settings()
    oldest = time.time() - settings.orphan_after_seconds
    packages, freed = _sweep_packages(current_storage(), oldest)
    stagings, freed_in_staging = _sweep_staging(settings.staging_dir, oldest)
    return SweepResult(packages=packages, stagings=stagings, freed_bytes=freed + freed_in_staging)


def _sweep_packages(storage: PackageStorage, oldest: float) -> tuple[int, int]:
    count = freed = 0
    for file in _without_link(storage, oldest):
        storage.delete(file.key)
        freed += file.size
        count += 1
    return count, freed


def _sweep_staging(root: Path, oldest: float) -> tuple[int, int]:
    count = freed = 0
    for folder in _older_than(oldest, root.iterdir() if root.is_dir() else ()):
        if folder.is_dir() and not _is_worked_on(folder.name):
            freed += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
    return count, freed


def _without_link(storage: PackageStorage, oldest: float) -> Iterator[StoredFile]:
    """Return the old files that no link leads to; queries the database once for many of them."""
    old = [file for file in storage.list() if file.modified_at < oldest]
    for start in range(0, len(old), BATCH):
        files = {file.key: file for file in old[start : start + BATCH]}
        owners = {key: key.partition("/")[0] for key in files}
        requests = {int(owner) for owner in owners.values() if owner.isdecimal()}
        linked = set(
            DownloadLink.objects.filter(request_id__in=requests, delivery=Delivery.PACKAGE).values_list(
                "target", flat=True
            )
        )
        for key in files.keys() - linked:
            if not _is_worked_on(owners[key]):
                yield files[key]


def _is_worked_on(name: str) -> bool:
    """Return whether a folder named for a request is one that a live run writes into."""
    if not name.isdecimal():
        return False
    return DownloadRequest.objects.filter(pk=int(name), lease_until__gt=timezone.now()).exists()


def _older_than(oldest: float, paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        # Another sweep may have been here first.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                yield path
