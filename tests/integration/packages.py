"""Where the tests find a package."""

from pathlib import Path

from downman.storage import FolderStorage, current_storage


def package_path(target: str) -> Path:
    """Return the path of a package in the folder of the settings."""
    storage = current_storage()
    assert isinstance(storage, FolderStorage)
    return storage.local_path(target)
