"""Copying one file of the server into staging, with a proof that it did not change meanwhile."""

import os
from pathlib import Path
from typing import BinaryIO

from downman.domain.errors import TransferInterrupted
from downman.domain.ports import Progress, StagedFile
from downman.domain.text import clean_date, clean_text
from downman_flows.storage.disk import full_disk_is_no_space, require_space, write_all
from downman_flows.storage.hashing import BLOCK_BYTES, Hashes


def copy_file(  # noqa: PLR0913 - from where to where, and how far
    source: BinaryIO, name: str, target: Path, progress: Progress, *, done: int, total: int
) -> StagedFile:
    """Copy an open file to `target`; `done` of `total` bytes of the part were copied before it.

    Raises `TransferInterrupted`, `NoSpace`.
    """
    hashes = Hashes()
    before = os.fstat(source.fileno())
    with full_disk_is_no_space():
        require_space(target.parent, before.st_size)
        with target.open("wb", buffering=0) as copy:
            # No further than it was long: a file that keeps growing would never end.
            while hashes.size < before.st_size and (block := source.read(BLOCK_BYTES)):
                write_all(copy.fileno(), block)
                hashes.update(block)
                progress(done + hashes.size, total)
        after = os.fstat(source.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or hashes.size != after.st_size:
        raise TransferInterrupted(
            received=hashes.size, expected=after.st_size, reason="the file changed while it was read"
        )
    return StagedFile(
        path=target,
        name=clean_text(name),
        size=hashes.size,
        sha256=hashes.hex(),
        crc32=hashes.crc32,
        proof="file-size",
        modified_at=clean_date(after.st_mtime),
    )
