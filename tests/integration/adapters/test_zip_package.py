import hashlib
import os
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from downman.domain.errors import DownloadCancelled, TransferInterrupted
from downman.storage import FolderStorage
from downman_flows.storage.hashing import compute_hashes
from downman_flows.storage.zip_package import Member, WrittenPackage, is_worth_deflating, write_package


def member(path: Path, name: str = "") -> Member:
    return Member(name=name or path.name, path=path, size=path.stat().st_size, crc32=compute_hashes(path).crc32)


def write(path: Path, members: Iterator[Member], tick: object = None) -> WrittenPackage:
    """Write a package into its storage, as a run does."""
    with FolderStorage(path.parent).create(path.name) as unfinished:
        return write_package(
            unfinished,
            members,
            manifest=("manifest.json", lambda: b"{}"),
            tick=tick if callable(tick) else lambda: None,
        )


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return something to deflate, something that cannot be, something small and something empty."""
    contents = {
        "grid.asc": b"1.25 2.50 3.75\n" * 100_000,
        "noise.txt": os.urandom(1_000_000),
        "ä.csv": b"a,b\n1,2\n",
        "empty": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in contents]


def test_a_package_is_whole_and_every_reader_can_read_it(tmp_path: Path, files: list[Path]) -> None:
    path = tmp_path / "a.zip"
    package = write(path, (member(file) for file in files))
    data = path.read_bytes()
    assert (package.size, package.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*(file.name for file in files), "manifest.json"]
        for file in files:
            assert archive.read(file.name) == file.read_bytes()
        kinds = {info.filename: info.compress_type for info in archive.infolist()}
        sizes = {info.filename: info.compress_size for info in archive.infolist()}
    assert kinds["noise.txt"] == zipfile.ZIP_STORED
    assert kinds["grid.asc"] == zipfile.ZIP_DEFLATED
    assert sizes["grid.asc"] < 50_000
    assert path.stat().st_mode & 0o777 == 0o440
    subprocess.run(["unzip", "-tqq", path], check=True)


def test_content_decides_what_is_deflated_not_the_name(files: list[Path], tmp_path: Path) -> None:
    grid, noise, _small, empty = files
    zipped = tmp_path / "grid.zip"
    zipped.write_bytes(grid.read_bytes())
    assert is_worth_deflating(zipped, zipped.stat().st_size)
    assert not is_worth_deflating(noise, noise.stat().st_size)
    assert not is_worth_deflating(empty, 0)


def test_whatever_goes_wrong_nothing_is_left_behind(tmp_path: Path, files: list[Path]) -> None:
    folder = tmp_path / "packages"
    folder.mkdir()

    def broken() -> Iterator[Member]:
        yield member(files[0])
        raise OSError("the disk is on fire")

    def cancelled() -> None:
        raise DownloadCancelled

    with pytest.raises(OSError, match="fire"):
        write(folder / "a.zip", broken())
    with pytest.raises(DownloadCancelled):
        write(folder / "a.zip", (member(path) for path in files), cancelled)
    assert list(folder.iterdir()) == []


def test_a_second_try_replaces_what_the_first_left(tmp_path: Path, files: list[Path]) -> None:
    (tmp_path / ".a.zip.partial").write_bytes(b"left by a run that was killed" * 1000)
    first = write(tmp_path / "a.zip", iter([member(files[2])]))
    again = write(tmp_path / "a.zip", iter([member(files[2])]))
    assert first.size == again.size
    assert not (tmp_path / ".a.zip.partial").exists()


def test_a_file_that_was_damaged_in_staging_is_noticed(tmp_path: Path, files: list[Path]) -> None:
    for path in files[:2]:
        before = member(path)
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 1
        path.write_bytes(data)
        with pytest.raises(TransferInterrupted, match=r"damaged|not what went in"):
            write(tmp_path / "a.zip", iter([before]))
    assert not (tmp_path / "a.zip").exists()


def test_a_time_that_a_zip_cannot_say_does_not_matter(tmp_path: Path, files: list[Path]) -> None:
    for year in (1, 1970, 2039, 9999):
        one = replace(member(files[2]), modified_at=datetime(year, 1, 1, tzinfo=UTC))
        write(tmp_path / "a.zip", iter([one]))
