"""Takes parts out of a package of the same order that may no longer be handed out as it is."""

import contextlib
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from downman.domain.ports import Progress, StagedFile
from downman_flows.storage.disk import full_disk_is_no_space, write_all
from downman_flows.storage.hashing import BLOCK_BYTES, Hashes


class _NotInside(Exception):
    """The package does not hold the part as its manifest says."""


_UNUSABLE = (_NotInside, FileNotFoundError, zipfile.BadZipFile, zlib.error, KeyError, ValueError)


def extract(
    open_package: Callable[[], BinaryIO], part: int, folder: Path, progress: Progress, *, manifest_name: str
) -> Sequence[StagedFile]:
    """Copy the files of one part (1 is the order's first) out of a package, each proven by its SHA-256.

    Gives none when the package is gone or does not hold them as it says: then they are fetched again. Raises `NoSpace`
    and what `progress` raises.
    """
    with contextlib.suppress(*_UNUSABLE), open_package() as file, zipfile.ZipFile(file) as archive:
        entries = [entry for entry in json.loads(archive.read(manifest_name))["files"] if entry["part"] == part]
        total = sum(entry["size"] for entry in entries)
        staged: list[StagedFile] = []

        def on_progress(bytes_done: int, bytes_total: int | None) -> None:  # noqa: ARG001 - the whole part counts
            progress(sum(one.size for one in staged) + bytes_done, total)

        for number, entry in enumerate(entries):
            staged.append(_copy(archive, entry, folder / f"file-{number}", on_progress))
        return staged
    return []


def _copy(archive: zipfile.ZipFile, entry: dict[str, Any], target: Path, progress: Progress) -> StagedFile:
    hashes = Hashes()
    with archive.open(entry["name"]) as member, full_disk_is_no_space(), target.open("wb", buffering=0) as copy:
        while block := member.read(BLOCK_BYTES):
            write_all(copy.fileno(), block)
            hashes.update(block)
            progress(hashes.size, None)
    if (hashes.size, hashes.hex()) != (entry["size"], entry["sha256"]):
        raise _NotInside
    return StagedFile(
        path=target,
        name=entry["source_name"],
        size=hashes.size,
        sha256=hashes.hex(),
        crc32=hashes.crc32,
        proof=entry["completeness_proof"],
        content=entry.get("content_proof") or "",
        modified_at=datetime.fromisoformat(entry["modified_at"]) if entry["modified_at"] else None,
    )
