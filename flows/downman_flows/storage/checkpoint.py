"""Parts that were fetched whole by a run that did not live to deliver them: the next run goes on with them."""

import json
from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from pathlib import Path

from downman.domain.ports import FetchRequest, StagedFile
from downman_flows.storage.disk import full_disk_is_no_space

NOTES = "whole.json"


def keep(folder: Path, wanted: FetchRequest, files: Sequence[StagedFile]) -> None:
    """Note that the files in `folder` are what was wanted, complete and proven. Raises `NoSpace`."""
    notes = {
        "wanted": _key(wanted),
        "files": [
            {
                "path": file.path.name,
                "name": file.name,
                "size": file.size,
                "sha256": file.sha256,
                "crc32": file.crc32,
                "proof": file.proof,
                "modified_at": file.modified_at.isoformat() if file.modified_at else None,
            }
            for file in files
        ],
    }
    unfinished = folder / f".{NOTES}"
    with full_disk_is_no_space():
        unfinished.write_text(json.dumps(notes))
        unfinished.replace(folder / NOTES)


def kept(folder: Path, wanted: FetchRequest) -> list[StagedFile]:
    """Return the files that an earlier run fetched whole for the same wish; none when there are none.

    Whether their bytes are still the same shows when they are zipped: their CRC-32 is compared there.
    """
    try:
        notes = json.loads((folder / NOTES).read_text())
        files = [
            StagedFile(
                path=folder / entry["path"],
                name=entry["name"],
                size=entry["size"],
                sha256=entry["sha256"],
                crc32=entry["crc32"],
                proof=entry["proof"],
                modified_at=datetime.fromisoformat(entry["modified_at"]) if entry["modified_at"] else None,
            )
            for entry in notes["files"]
        ]
        is_same = notes["wanted"] == _key(wanted) and all(file.path.stat().st_size == file.size for file in files)
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return files if is_same else []


def _key(wanted: FetchRequest) -> str:
    return json.dumps(astuple(wanted), default=str)
