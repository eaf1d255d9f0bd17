"""Folders that are relative, overlap each other, or must not be public."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from django.conf import settings as django_settings
from django.core.checks import CheckMessage

from downman.checks.findings import message
from downman.settings import AppSettings

#: Folders of the system, much of whose content is secret.
SYSTEM_FOLDERS = tuple(map(Path, ("/etc", "/proc", "/sys", "/dev", "/root", "/boot")))


def check(settings: AppSettings) -> Iterator[CheckMessage]:
    """Find folders that are relative, or lie where they must not."""
    ours = {"DOWNLOADS_PACKAGE_DIR": settings.package_dir, "DOWNLOADS_STAGING_DIR": settings.staging_dir}
    relative = [
        *(f"{name} is {str(folder)!r}" for name, folder in ours.items() if not folder.is_absolute()),
        *(f"DOWNLOADS_FILE_ROOTS holds {str(root)!r}" for root in settings.file_roots if not root.is_absolute()),
    ]
    if relative:
        yield from (message("E004", f"{what}, which is not absolute.") for what in relative)
        return
    if _overlap(settings.package_dir, settings.staging_dir):
        yield message("E013", f"{', and '.join(f'{name} is {folder}' for name, folder in ours.items())}.")
    for (name, folder), (kind, served) in product(ours.items(), _served()):
        if _overlap(folder, served):
            yield message("E014", f"{name} is {folder}, and {kind} is {served}.")
    for root, (name, folder) in product(settings.file_roots, ours.items()):
        if _overlap(root, folder):
            yield message("E015", f"DOWNLOADS_FILE_ROOTS holds {root}, and {name} is {folder}.")
    yield from (
        message("E016", f"DOWNLOADS_FILE_ROOTS holds {root}.") for root in settings.file_roots if _is_dangerous(root)
    )
    backend = getattr(django_settings, "SENDFILE_BACKEND", None) or ""
    sent_from = getattr(django_settings, "SENDFILE_ROOT", None)
    if backend.endswith(".nginx") and (not sent_from or Path(sent_from).resolve() != settings.package_dir.resolve()):
        yield message(
            "E023",
            f"With SENDFILE_BACKEND, SENDFILE_ROOT is {sent_from}; DOWNLOADS_PACKAGE_DIR is {settings.package_dir}.",
        )


def _served() -> Iterator[tuple[str, Path]]:
    """Return the folders whose files everybody may download, each with the setting that names it."""
    for name in ("STATIC_ROOT", "MEDIA_ROOT"):
        if folder := getattr(django_settings, name, None):
            yield name, Path(folder)
    for entry in getattr(django_settings, "STATICFILES_DIRS", ()):
        # An entry with a prefix is a pair.
        yield "one of STATICFILES_DIRS", Path(entry[1] if isinstance(entry, list | tuple) else entry)


def _overlap(one: Path, other: Path) -> bool:
    one, other = one.resolve(), other.resolve()
    return one.is_relative_to(other) or other.is_relative_to(one)


def _is_dangerous(root: Path) -> bool:
    return any(_overlap(root, folder) for folder in SYSTEM_FOLDERS) or (root / "secrets").is_dir()
