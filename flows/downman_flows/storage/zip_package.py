"""Writes one zip, with a proof that it is complete."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isal import isal_zlib
from stream_zip import NO_COMPRESSION_32, NO_COMPRESSION_64, ZIP_32, ZIP_64, Method, ZipIntegrityError, stream_zip

from downman.domain.errors import TransferInterrupted
from downman_flows.storage.disk import full_disk_is_no_space
from downman_flows.storage.hashed_file import HashedFile
from downman_flows.storage.hashing import BLOCK_BYTES

#: isal's level 2 deflates a grid at 300 MB/s on one core, nearly as small as zlib's 6 at 28 MB/s.
DEFLATE_LEVEL = 2
#: A file whose samples deflate to more than this share of themselves is stored as it is.
STORE_ABOVE = 0.95
SAMPLE_BYTES = 64 * 1024
OUTPUT_BYTES = 256 * 1024
#: Sizes from which the zip's 32-bit fields do not do; well below 4 GiB, for headers and incompressible data.
ZIP64_FROM_BYTES = 4_000_000_000
_FILE_MODE = 0o644
#: The earliest time that a zip can say.
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
#: The latest: it also holds a signed number of 32 bits.
_LATEST = datetime(2037, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Member:
    """One file that goes into the package."""

    name: str
    path: Path
    size: int
    crc32: int
    modified_at: datetime | None = None


class WrongMembers(TransferInterrupted):
    """The finished package does not hold what went in, at these names."""

    def __init__(self, names: Sequence[str], *, received: int, expected: int) -> None:
        """Keep the names."""
        super().__init__(received=received, expected=expected, reason="the package is not what went in")
        self.names = names


@dataclass(frozen=True, kw_only=True)
class WrittenPackage:
    """A package that was written."""

    size: int
    sha256: str


def write_package(
    path: Path, members: Iterator[Member], *, manifest: tuple[str, Callable[[], bytes]], tick: Callable[[], None]
) -> WrittenPackage:
    """Zip the members as they come, then the manifest (its name, and what makes it), into `path`.

    `tick` is called for every piece that is written, and may raise to stop; the caller deletes what was written then.
    Raises `NoSpace`, and `TransferInterrupted` if what was written does not prove whole.
    """
    try:
        with full_disk_is_no_space(), HashedFile(path) as file:
            contents: dict[str, tuple[int, int]] = {}
            for chunk in stream_zip(
                _entries(members, manifest, contents, written=lambda: file.size),
                chunk_size=OUTPUT_BYTES,
                get_compressobj=_deflater,
            ):
                file.write(chunk)
                tick()
            sha256 = file.finish()
        _prove(path, contents)
    except ZipIntegrityError as exc:
        raise TransferInterrupted(received="?", expected="?", reason="a file was damaged in staging") from exc
    return WrittenPackage(size=file.size, sha256=sha256)


def is_worth_deflating(path: Path, size: int) -> bool:
    """Return whether samples from the start, middle and end of a file become smaller."""
    taken = deflated = 0
    with path.open("rb", buffering=0) as file:
        for offset in sorted({0, max(0, size // 2 - SAMPLE_BYTES // 2), max(0, size - SAMPLE_BYTES)}):
            file.seek(offset)
            sample = file.read(SAMPLE_BYTES)
            taken += len(sample)
            deflated += len(isal_zlib.compress(sample, 1))
    return taken > 0 and deflated < taken * STORE_ABOVE


def _deflater() -> Any:
    return isal_zlib.compressobj(level=DEFLATE_LEVEL, wbits=-15)


def _entries(
    members: Iterator[Member],
    manifest: tuple[str, Callable[[], bytes]],
    contents: dict[str, tuple[int, int]],
    *,
    written: Callable[[], int],
) -> Iterator[tuple[str, datetime, int, Method, Iterator[bytes]]]:
    for member in members:
        contents[member.name] = (member.size, member.crc32)
        method = _choose_method(member, large=written() + member.size > ZIP64_FROM_BYTES)
        modified_at = min(max(member.modified_at or datetime.now(tz=UTC), _EARLIEST), _LATEST)
        yield member.name, modified_at, _FILE_MODE, method, _read_bytes(member.path)
    name, made = manifest
    text = made()
    contents[name] = (len(text), isal_zlib.crc32(text))
    large = written() > ZIP64_FROM_BYTES
    yield name, datetime.now(tz=UTC), _FILE_MODE, ZIP_64 if large else ZIP_32, iter([text])


def _choose_method(member: Member, *, large: bool) -> Method:
    if is_worth_deflating(member.path, member.size):
        return ZIP_64 if large else ZIP_32
    return (NO_COMPRESSION_64 if large else NO_COMPRESSION_32)(member.size, member.crc32)


def _read_bytes(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(BLOCK_BYTES):
            yield chunk


def _prove(path: Path, contents: dict[str, tuple[int, int]]) -> None:
    """Read the finished file's own list of contents, as every reader will."""
    with zipfile.ZipFile(path) as archive:
        found = {info.filename: (info.file_size, info.CRC) for info in archive.infolist()}
    wrong = [name for name in contents if found.get(name) != contents[name]]
    if wrong or len(found) != len(contents):
        raise WrongMembers(wrong, received=len(found), expected=len(contents))
