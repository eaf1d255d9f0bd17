"""Where packages lie, as the site sees it."""

import contextlib
from pathlib import Path

from downman.domain.policy import Delivery
from downman.models import DownloadLink
from downman.services.db_retry import retry_on_disconnect
from downman.settings import app_settings


def package_path(target: str) -> Path:
    """Return the path of a package from what its link keeps; raises `ValueError` if that leads out of the folder."""
    root = app_settings().package_dir.resolve()
    path = (root / target).resolve()
    if not path.is_relative_to(root) or path == root:
        raise ValueError("A package's path leads out of the package folder.")
    return path


def package_target(request_id: int, attempt: int, name: str) -> str:
    """Return the place of a package, relative to the folder; each run of each request has its own."""
    return f"{request_id:010d}/{attempt:04d}/{name}"


def delete_package(target: str) -> None:
    """Delete a package, and its folders where nothing else is in them."""
    path = package_path(target)
    path.unlink(missing_ok=True)
    remove_empty(path.parent)


@retry_on_disconnect
def discard_unrecorded(request_id: int, *, keep_attempt: int | None = None) -> int:
    """Delete what lost runs of a request left in the package folder without a link; give how many files.

    `keep_attempt` is the run that may be writing now. Costs by this request, not by what else is there.
    """
    root = app_settings().package_dir.resolve()
    folder = root / f"{request_id:010d}"
    if not folder.is_dir():
        return 0
    links = DownloadLink.objects.filter(request_id=request_id, delivery=Delivery.PACKAGE)
    recorded = set(links.values_list("target", flat=True))
    count = 0
    for path in [found for found in folder.rglob("*") if found.is_file()]:
        target = path.relative_to(root).as_posix()
        is_current = keep_attempt is not None and path.parent.name == f"{keep_attempt:04d}"
        if target not in recorded and not is_current:
            path.unlink(missing_ok=True)
            remove_empty(path.parent)
            count += 1
    return count


def remove_empty(folder: Path) -> None:
    """Remove a folder of the package folder, and those above it, where nothing else is in them."""
    root = app_settings().package_dir.resolve()
    with contextlib.suppress(OSError):
        while folder != root:
            folder.rmdir()
            folder = folder.parent
