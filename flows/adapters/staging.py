"""Where workers fetch: one folder for each request, in it one for each locator; nobody else may look in."""

import contextlib
import shutil
from pathlib import Path

from flows.adapters.disk import full_disk_is_no_space


class Staging:
    """The staging folder."""

    def __init__(self, root: Path) -> None:
        """Use `root`; it is made when it is first needed."""
        self._root = root

    def folder_of(self, request_id: int, locator_id: int) -> Path:
        """Give the folder of one locator, made if need be."""
        folder = self._root / str(request_id) / str(locator_id)
        with full_disk_is_no_space():
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            # One by one: `parents` would give the request's folder the default mode.
            folder.parent.mkdir(exist_ok=True, mode=0o700)
            folder.mkdir(exist_ok=True, mode=0o700)
        return folder

    def discard(self, request_id: int, locator_id: int) -> None:
        """Delete what lies there of one locator, and the request's folder with the last of them."""
        shutil.rmtree(self._root / str(request_id) / str(locator_id), ignore_errors=True)
        self.tidy(request_id, locator_id)

    def tidy(self, request_id: int, locator_id: int) -> None:
        """Remove the folders of a locator and its request where they are empty."""
        folder = self._root / str(request_id) / str(locator_id)
        with contextlib.suppress(OSError):
            if folder.exists():
                folder.rmdir()
            folder.parent.rmdir()

    def free_bytes(self) -> int:
        """Give what is left on its disk."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return shutil.disk_usage(self._root).free

    def is_on_disk_of(self, folder: Path) -> bool:
        """Say whether another folder shares its disk."""
        return self._root.stat().st_dev == folder.stat().st_dev
