"""Copying one file of the server into staging, with a proof that it did not change meanwhile."""

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

from downman.domain.errors import FileRefused, SourceMissing, TransferInterrupted
from downman.domain.ports import Progress, StagedFile
from downman_flows.storage.disk import full_disk_is_no_space, require_space, write_all
from downman_flows.storage.hashing import BLOCK_BYTES, Hashes


def copy_file(path: Path, target: Path, progress: Progress, *, done: int, total: int) -> StagedFile:
    """Copy `path` to `target`; `done` of `total` bytes of the part were copied before it.

    Raises `FileRefused`, `SourceMissing`, `TransferInterrupted`, `NoSpace`.
    """
    try:
        # The last step of the path must still be a plain file, not a link put there since it was looked at.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        raise SourceMissing(reason="the file cannot be opened") from exc
    hashes = Hashes()
    with open(descriptor, "rb", buffering=0) as source, full_disk_is_no_space():  # noqa: PTH123 - a descriptor
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise FileRefused
        require_space(target.parent, before.st_size)
        with target.open("wb", buffering=0) as copy:
            # No further than it was long: a file that keeps growing would never end.
            while hashes.size < before.st_size and (block := source.read(BLOCK_BYTES)):
                write_all(copy.fileno(), block)
                hashes.update(block)
                progress(done + hashes.size, total)
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or hashes.size != after.st_size:
        raise TransferInterrupted(
            received=hashes.size, expected=after.st_size, reason="the file changed while it was read"
        )
    return StagedFile(
        path=target,
        name=path.name,
        size=hashes.size,
        sha256=hashes.hex(),
        crc32=hashes.crc32,
        proof="file-size",
        modified_at=datetime.fromtimestamp(after.st_mtime, tz=UTC),
    )
