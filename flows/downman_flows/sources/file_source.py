"""Files of the server, below the folders that may be handed out, with their siblings."""

import os
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from downman.domain.errors import FileRefused, SourceMissing, TransferInterrupted
from downman.domain.ports import FetchRequest, Progress, RemoteFile, StagedFile
from downman.services.allowed_files import allowed_path, resolve_allowed
from downman_flows.storage.disk import full_disk_is_no_space, require_space, write_all
from downman_flows.storage.hashing import BLOCK_BYTES, Hashes


class FileSource:
    """Copies a file and its siblings into staging, and proves that they did not change meanwhile.

    Siblings are the files beside it that bear its name up to the first dot: `dem.tif` has `dem.tfw`,
    `dem.tif.aux.xml`, `dem.prj`.
    """

    def __init__(self, *, roots: Sequence[Path]) -> None:
        """Allow what really lies below `roots`."""
        self._roots = tuple(roots)

    def fetch(self, wanted: FetchRequest, folder: Path, progress: Progress) -> Sequence[StagedFile]:
        """Copy the file and its siblings; raises `FileRefused`, `SourceMissing`, `TransferInterrupted`, `NoSpace`."""
        paths = list(self._paths(wanted))
        total = sum(path.stat().st_size for path in paths)
        staged: list[StagedFile] = []
        for number, path in enumerate(paths):
            done = sum(file.size for file in staged)
            staged.append(_copy(path, folder / f"file-{number}", progress, done=done, total=total))
        return staged

    def inspect(self, wanted: FetchRequest) -> Sequence[RemoteFile]:
        """Look at the file and its siblings; raises `FileRefused` or `SourceMissing`."""
        return [RemoteFile(name=path.name, url=path.as_uri(), size=path.stat().st_size) for path in self._paths(wanted)]

    def _paths(self, wanted: FetchRequest) -> Iterator[Path]:
        main = resolve_allowed(wanted.url, self._roots)
        yield main
        stem = main.name.partition(".")[0]
        if not stem:
            return
        for path in sorted(main.parent.iterdir()):
            if path.name.partition(".")[0] == stem and path != main:
                try:
                    real = allowed_path(path, self._roots)
                except (FileRefused, SourceMissing):
                    continue
                # A link to a file of another name is not a sibling.
                if real.name == path.name and real != main:
                    yield real


def _copy(path: Path, target: Path, progress: Progress, *, done: int, total: int) -> StagedFile:
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
