"""The folders: there, writable, and with room. Where they must not be, the checks of the settings know."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from downman.domain.sizes import format_size
from downman.services.policy import current_policy
from downman.services.retention import stored_bytes
from downman.settings import AppSettings, app_settings
from downman.storage import current_storage
from downman_flows.storage.free_space import SpaceRule
from downman_ops.doctor.findings import Finding, ok, warning, wrong

PACKAGES, STAGING, ROOM, ROOTS = "package folder", "staging folder", "room", "file roots"


def check_folders() -> Iterator[Finding]:
    """Check the folders of packages, of what is being fetched, and of files that are handed out."""
    settings = app_settings()
    yield _folder(PACKAGES, settings.package_dir, "DOWNLOADS_PACKAGE_DIR")
    if settings.staging_dir.exists():
        yield _folder(STAGING, settings.staging_dir, "DOWNLOADS_STAGING_DIR")
    else:
        hint = "Right where no worker runs. Where one does: make it, its worker's own, or set DOWNLOADS_STAGING_DIR."
        yield warning(STAGING, f"{settings.staging_dir} is not there", hint)
    yield from _roots(settings)


def check_room(*, database_answers: bool) -> Iterator[Finding]:
    """Check how large the next order may be, by the rule of the workers."""
    settings = app_settings()
    if not settings.package_dir.is_dir():
        return
    rule = SpaceRule(
        storage=current_storage(),
        staging_dir=settings.staging_dir,
        package_reserve_bytes=settings.package_reserve_bytes,
        staging_reserve_bytes=settings.staging_reserve_bytes,
        # How much of it is used stands in the database.
        storage_budget_bytes=settings.storage_budget_bytes if database_answers else 0,
    )
    space = rule.measure(stored_bytes=stored_bytes)
    public = current_policy().max_public_bytes if database_answers else settings.max_public_bytes
    yield _room(space.free_bytes, space.limit.value, public)


def _room(free: int, where: str, public: int) -> Finding:
    hint = (
        "Free or add disk; or set DOWNLOADS_STORAGE_BUDGET_BYTES, DOWNLOADS_VALIDITY_DAYS or the reserves differently."
    )
    if free <= 0:
        return wrong(ROOM, f"no order starts: {format_size(-free)} are missing {where} beyond the reserve", hint)
    if free < public:
        found = f"orders of up to {format_size(free)} fit {where}; one public resource may have {format_size(public)}"
        return warning(ROOM, found, hint)
    return ok(ROOM, f"orders of up to {format_size(free)} fit {where}")


def _folder(part: str, folder: Path, setting: str) -> Finding:
    if not folder.is_dir():
        is_what = "is no folder" if folder.exists() else "is not there"
        hint = f"Make or mount it, owned by the user of site and workers; or set {setting}."
        return wrong(part, f"{folder} {is_what}", hint)
    try:
        # It has no name, and is gone with its end. Only writing tells: root, and network disks, ignore modes.
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"downman")
    except OSError as exc:
        hint = f"Give it to the user of site and workers (chown), or set {setting}."
        return wrong(part, f"{folder} cannot be written to: {exc.strerror}", hint)
    return ok(part, f"{folder}, {format_size(shutil.disk_usage(folder).free)} free")


def _roots(settings: AppSettings) -> Iterator[Finding]:
    unreadable = [root for root in settings.file_roots if not (root.is_dir() and os.access(root, os.R_OK | os.X_OK))]
    for root in unreadable:
        hint = "Mount it, or let the user of site and workers read it; or take it out of DOWNLOADS_FILE_ROOTS."
        yield wrong(ROOTS, f"{root} is no folder that can be read", hint)
    if settings.file_roots and not unreadable:
        yield ok(ROOTS, f"{len(settings.file_roots)} can be read")
