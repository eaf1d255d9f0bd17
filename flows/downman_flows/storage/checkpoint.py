"""The checkpoint of a part: what one run fetched completely and did not deliver, the next run uses."""

import json
from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from pathlib import Path

from downman.domain.ports import FetchRequest, StagedFile
from downman_flows.storage.disk import full_disk_is_no_space

CHECKPOINT = "whole.json"


def save(folder: Path, request: FetchRequest, files: Sequence[StagedFile]) -> None:
    """Save that the files in `folder` answer the request, complete and proven. Raises `NoSpace`."""
    checkpoint = {
        "request": _key(request),
        "files": [
            {
                "path": file.path.name,
                "name": file.name,
                "size": file.size,
                "sha256": file.sha256,
                "crc32": file.crc32,
                "proof": file.proof,
                "content": file.content,
                "modified_at": file.modified_at.isoformat() if file.modified_at else None,
            }
            for file in files
        ],
    }
    unfinished = folder / f".{CHECKPOINT}"
    with full_disk_is_no_space():
        unfinished.write_text(json.dumps(checkpoint))
        unfinished.replace(folder / CHECKPOINT)


def load(folder: Path, request: FetchRequest) -> list[StagedFile]:
    """Return the files that an earlier run fetched completely for the same request; none when there are none.

    Whether their bytes are still the same shows when they are zipped: their CRC-32 is compared there.
    """
    try:
        checkpoint = json.loads((folder / CHECKPOINT).read_text())
        files = [
            StagedFile(
                path=folder / entry["path"],
                name=entry["name"],
                size=entry["size"],
                sha256=entry["sha256"],
                crc32=entry["crc32"],
                proof=entry["proof"],
                content=entry.get("content", ""),
                modified_at=datetime.fromisoformat(entry["modified_at"]) if entry["modified_at"] else None,
            )
            for entry in checkpoint["files"]
        ]
        is_same = checkpoint["request"] == _key(request) and all(
            file.path.stat().st_size == file.size for file in files
        )
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return files if is_same else []


def _key(request: FetchRequest) -> str:
    return json.dumps(astuple(request), default=str)
