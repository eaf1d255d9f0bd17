"""Where workers fetch: one folder for each request, in it one for each locator; nobody else may look in."""

import contextlib
import fcntl
import itertools
import os
import shutil
from pathlib import Path

from downman_flows.storage.disk import full_disk_is_no_space


class Staging:
    """The staging folder, as one process uses it.

    The folder of a locator is locked for as long as the process works with it. A process that dies lets go of it, and
    the next run resumes what lies there; a run that was only thought lost keeps it, and the next run takes another
    folder: no two ever write into the same one.
    """

    def __init__(self, root: Path) -> None:
        """Use `root`; it is made when it is first needed."""
        self.root = root
        #: The folders that this process holds, with the descriptors that hold them, by request and locator.
        self._held: dict[tuple[int, int], tuple[Path, int]] = {}

    def get_folder(self, request_id: int, locator_id: int) -> Path:
        """Return a folder for one locator that is this process's own until it is discarded or tidied up."""
        if (request_id, locator_id) not in self._held:
            with full_disk_is_no_space():
                self._held[request_id, locator_id] = self._hold_one(request_id, locator_id)
        return self._held[request_id, locator_id][0]

    def discard(self, request_id: int, locator_id: int) -> None:
        """Delete what lies there of one locator and is not held by another, and the request's folder with the last."""
        folder = self.root / str(request_id) / str(locator_id)
        if (request_id, locator_id) in self._held or folder.exists():
            shutil.rmtree(self.get_folder(request_id, locator_id), ignore_errors=True)
        for other in folder.parent.glob(f"{locator_id}-*"):
            _delete_if_abandoned(other)
        self.tidy(request_id, locator_id)

    def discard_held(self, request_id: int) -> None:
        """Delete what this process holds of a request that is no longer its own, and nothing of anybody else."""
        for held_request, locator_id in list(self._held):
            if held_request == request_id:
                self.discard(request_id, locator_id)

    def tidy(self, request_id: int, locator_id: int) -> None:
        """Let go of a locator, and remove the folders of it and of its request where they are empty."""
        folder, descriptor = self._held.pop((request_id, locator_id), (None, None))
        with contextlib.suppress(OSError):
            if folder is not None and folder.exists():
                folder.rmdir()
            (self.root / str(request_id)).rmdir()
        if descriptor is not None:
            os.close(descriptor)

    def make_root(self) -> None:
        """Make the folder where it is not there; nobody else may read it."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _hold_one(self, request_id: int, locator_id: int) -> tuple[Path, int]:
        parent = self.root / str(request_id)
        for number in itertools.count(1):
            folder = parent / (str(locator_id) if number == 1 else f"{locator_id}-{number}")
            self.make_root()
            # One by one: `parents` would give the request's folder the default mode.
            parent.mkdir(exist_ok=True, mode=0o700)
            with contextlib.suppress(FileNotFoundError):  # somebody tidied up meanwhile: again, with the next name
                folder.mkdir(exist_ok=True, mode=0o700)
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                if _is_locked_now(descriptor):
                    return folder, descriptor
                os.close(descriptor)
        raise AssertionError("there is always a next number")


def _delete_if_abandoned(folder: Path) -> None:
    """Delete a folder that a process which has died held beside another one."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _is_locked_now(descriptor):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


def _is_locked_now(descriptor: int) -> bool:
    """Lock a folder, if nobody else has, and it is still there."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(descriptor).st_nlink > 0
