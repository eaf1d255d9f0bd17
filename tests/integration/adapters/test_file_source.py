import hashlib
import os
from pathlib import Path

import pytest

from downman.domain.errors import DownmanError, FileRefused, SourceMissing
from downman.domain.ports import FetchRequest
from downman_flows.sources.file_source import FileSource


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an allowed folder, beside one whose name begins in the same way."""
    for name in ("data", "data-secret", "staging"):
        (tmp_path / name).mkdir()
    (tmp_path / "data-secret" / "a.tif").write_text("secret")
    return tmp_path / "data"


def wanted(path: Path | str) -> FetchRequest:
    return FetchRequest(resource="x", source="file", url=f"file://{path}")


def fetch(root: Path, path: Path | str) -> dict[str, bytes]:
    staged = FileSource(roots=[root]).fetch(wanted(path), root.parent / "staging", lambda *_: None)
    for file in staged:
        assert file.sha256 == hashlib.sha256(file.path.read_bytes()).hexdigest()
    return {file.name: file.path.read_bytes() for file in staged}


def test_a_file_comes_with_its_sidecar_files_and_nothing_else(root: Path) -> None:
    for name in ("dem.tif", "dem.tfw", "dem.tif.aux.xml", "dem.prj", "dem2.tif", "demo.txt", "other.prj"):
        (root / name).write_text(name)
    (root / "dem.folder").mkdir()
    (root / "dem.secret").symlink_to(root.parent / "data-secret" / "a.tif")
    assert list(fetch(root, root / "dem.tif")) == ["dem.tif", "dem.prj", "dem.tfw", "dem.tif.aux.xml"]
    assert fetch(root, root / "dem.tif")["dem.prj"] == b"dem.prj"


def test_a_link_inside_the_folder_is_followed(root: Path) -> None:
    (root / "real.tif").write_text("data")
    (root / "link.tif").symlink_to(root / "real.tif")
    assert fetch(root, root / "link.tif") == {"real.tif": b"data"}


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("../data-secret/a.tif", FileRefused),
        ("%2e%2e/data-secret/a.tif", FileRefused),
        ("link-out.tif", FileRefused),
        ("link-folder/a.tif", FileRefused),
        ("loop", FileRefused),
        ("pipe", FileRefused),
        ("", FileRefused),
        ("gone.tif", SourceMissing),
        ("a%00.tif", FileRefused),
    ],
)
def test_what_does_not_really_lie_in_the_folder_is_refused(root: Path, path: str, error: type[DownmanError]) -> None:
    (root / "link-out.tif").symlink_to(root.parent / "data-secret" / "a.tif")
    (root / "link-folder").symlink_to(root.parent / "data-secret")
    (root / "loop").symlink_to(root / "loop")
    os.mkfifo(root / "pipe")
    with pytest.raises(error):
        fetch(root, f"{root}/{path}")
    assert list((root.parent / "staging").iterdir()) == []


@pytest.mark.parametrize("url", ["/etc/passwd", "http:///etc/passwd", "file://host/etc/passwd", "file:etc/passwd", ""])
def test_what_is_no_address_of_a_file_is_refused(root: Path, url: str) -> None:
    with pytest.raises(FileRefused):
        FileSource(roots=[Path("/")]).inspect(FetchRequest(resource="x", source="file", url=url))


def test_nothing_is_allowed_where_no_folder_is(root: Path) -> None:
    (root / "a.tif").write_text("data")
    with pytest.raises(FileRefused):
        FileSource(roots=[]).inspect(wanted(root / "a.tif"))
