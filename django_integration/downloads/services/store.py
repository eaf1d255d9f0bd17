"""Where packages lie, as the site sees it."""

from pathlib import Path

from django_integration.downloads.settings import app_settings


def package_path(target: str) -> Path:
    """Give the path of a package from what its link keeps; raises `ValueError` if that leads out of the folder."""
    root = app_settings().package_dir.resolve()
    path = (root / target).resolve()
    if not path.is_relative_to(root) or path == root:
        raise ValueError("A package's path leads out of the package folder.")
    return path


def package_target(request_id: int, attempt: int, name: str) -> str:
    """Give the place of a package, relative to the folder; each run of each request has its own."""
    return f"{request_id:010d}/{attempt:04d}/{name}"
