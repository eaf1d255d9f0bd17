"""Where packages are stored: the class that `DOWNLOADS_STORAGE` names, and the one for a folder."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Self

from downman.beneath import open_beneath
from downman.domain.ports import PackageStorage, StoredFile
from downman.loading import load_class
from downman.settings import app_settings

#: Nobody changes a package: its link has its checksum.
_MODE = 0o440


class FolderStorage:
    """Stores packages in a folder that the site and all workers share."""

    def __init__(self, root: Path) -> None:
        """Use `root`; it is made when it is first needed."""
        self._root = root

    @classmethod
    def from_settings(cls, settings: Any) -> Self:
        """Use `DOWNLOADS_PACKAGE_DIR`."""
        return cls(settings.package_dir)

    @contextlib.contextmanager
    def create(self, key: str) -> Iterator[Path]:
        """Return where to write; it is moved into its place, and is safe on the disk, when the block ends well."""
        path = self.local_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.partial")
        try:
            yield unfinished
            unfinished.chmod(_MODE)
            unfinished.replace(path)
            _sync_folder(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)

    def open(self, key: str) -> BinaryIO:
        """Open a package for reading. Raises `FileNotFoundError`, also for what is no plain file of the folder."""
        try:
            return open_beneath(self._root.resolve(), self.local_path(key))
        except (PermissionError, NotADirectoryError) as exc:
            raise FileNotFoundError(key) from exc

    def delete(self, key: str) -> None:
        """Delete a package, if it is there, and its folders where nothing else is in them."""
        path = self.local_path(key)
        path.unlink(missing_ok=True)
        folder, root = path.parent, self._root.resolve()
        with contextlib.suppress(OSError):
            while folder != root:
                folder.rmdir()
                folder = folder.parent

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """Return every file of the folder `prefix`, unfinished ones as well."""
        root = self._root.resolve()
        for path in list((root / prefix).rglob("*")):
            # Another one may delete at the same time.
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    stat = path.stat()
                    key = path.relative_to(root).as_posix()
                    yield StoredFile(key=key, size=stat.st_size, modified_at=stat.st_mtime)

    def free_bytes(self) -> int:
        """Return what is free on the disk."""
        self._root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._root).free

    def shares_disk_with(self, folder: Path) -> bool:
        """Return whether it is on the disk of `folder`."""
        return self._root.stat().st_dev == folder.stat().st_dev

    def local_path(self, key: str) -> Path:
        """Return the path of a package. Raises `ValueError` for a key that leads out of the folder."""
        root = self._root.resolve()
        path = (root / key).resolve()
        if not path.is_relative_to(root) or path == root:
            raise ValueError("A package's path leads out of the package folder.")
        return path


def current_storage() -> PackageStorage:
    """Return the storage of the settings."""
    settings = app_settings()
    return load_storage(settings.storage).from_settings(settings)


@cache
def load_storage(path: str) -> type[PackageStorage]:
    """Return the class that stores packages. Raises `ImportError`."""
    found: type[PackageStorage] = load_class(path, PackageStorage, "storage")
    return found


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
