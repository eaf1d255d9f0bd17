"""Opening files that really lie below a folder, whatever happens to the path meanwhile."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

#: A pipe or a device must not be waited for, nor become the terminal of the process.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


def open_beneath(root: Path, path: Path) -> BinaryIO:
    """Open a plain file for reading, below `root`; both paths are absolute, and no step of them is a link.

    Each step is opened from the one before it and may not be a link, so that nothing that is swapped between a check
    of the path and this leads elsewhere: what Linux has as `openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)`, on every
    system. Raises `OSError`: `FileNotFoundError` where nothing is there, `PermissionError` for all but plain files.
    """
    *folders, name = path.relative_to(root).parts or ("",)
    if not name or ".." in (*folders, name):
        raise PermissionError("The path does not lie below the folder.")
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for step in folders:
            inner = os.open(step, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        # A device may act when it is opened.
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise PermissionError("This is no plain file.")
        descriptor = os.open(name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PermissionError("This is no plain file.")
    return open(descriptor, "rb", buffering=0)  # noqa: PTH123 - a descriptor
