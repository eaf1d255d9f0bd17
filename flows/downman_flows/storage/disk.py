"""What a full disk says, in downman's words."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from downman.domain.errors import NoSpace

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
#: Bytes that a file system is left with, whatever is written.
_MARGIN_BYTES = 1_000_000


@contextlib.contextmanager
def full_disk_is_no_space() -> Iterator[None]:
    """Turn the errors of a full disk, or of a quota that is used up, into `NoSpace`."""
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            raise NoSpace from exc
        raise


def require_space(folder: Path, size: int) -> None:
    """Raise `NoSpace` unless `size` bytes more fit on the disk of `folder`."""
    if shutil.disk_usage(folder).free < size + _MARGIN_BYTES:
        raise NoSpace


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write everything: the system may take less at once, most likely just before the disk is full."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
