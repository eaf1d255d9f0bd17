import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from downman.domain.errors import DownmanError, FileRefused, SourceMissing
from downman.domain.ports import FetchRequest
from downman.services.allowed_files import allowed_path, open_allowed
from downman_flows.sources.file_source import FileSource
from tests.bad_inputs import Case, ids
from tests.bad_inputs.sidecar_files import CASES


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an allowed folder, beside one whose name begins in the same way."""
    for name in ("data", "data-secret", "staging"):
        (tmp_path / name).mkdir()
    (tmp_path / "data-secret" / "a.tif").write_text("secret")
    return tmp_path / "data"


def wanted(path: Path | str, *others: Path) -> FetchRequest:
    return FetchRequest(
        resource="x", source="file", url=f"file://{path}", other_urls=tuple(other.as_uri() for other in others)
    )


def fetch(root: Path, path: Path | str, *others: Path) -> dict[str, bytes]:
    staged = FileSource(roots=[root]).fetch(wanted(path, *others), root.parent / "staging", lambda *_: None)
    for file in staged:
        assert file.sha256 == hashlib.sha256(file.path.read_bytes()).hexdigest()
    return {file.name: file.path.read_bytes() for file in staged}


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_a_file_comes_with_its_sidecar_files_and_nothing_else(root: Path, case: Case) -> None:
    main, *others = case.given
    for name in case.given:
        (root / name).write_text(name)
    (root / f"{main}.folder").mkdir()
    assert sorted(fetch(root, root / main)) == sorted(case.expected)
    assert fetch(root, root / main)[main] == main.encode()
    assert others or case.expected == [main]


def test_what_belongs_to_another_resource_is_no_sidecar_file(root: Path) -> None:
    for name in ("dem.tif", "dem.tfw", "dem.prj"):
        (root / name).write_text(name)
    assert list(fetch(root, root / "dem.tif", root / "dem.prj", root / "gone.prj")) == ["dem.tif", "dem.tfw"]


def test_a_sidecar_file_that_leads_out_is_left_alone(root: Path) -> None:
    (root / "a.tif").write_text("data")
    (root / "a.tfw").symlink_to(root.parent / "data-secret" / "a.tif")
    os.mkfifo(root / "a.prj")
    assert fetch(root, root / "a.tif") == {"a.tif": b"data"}


def test_a_folder_that_is_swapped_for_a_link_after_the_check_leads_nowhere(root: Path) -> None:
    (root / "inner").mkdir()
    (root / "inner" / "a.tif").write_text("data")
    real = allowed_path(root / "inner" / "a.tif", [root])
    (root / "inner").rename(root / "moved")
    (root / "inner").symlink_to(root.parent / "data-secret")
    with pytest.raises(FileRefused):
        open_allowed(real, [root])


def test_a_file_that_is_swapped_after_the_check_leads_nowhere(root: Path) -> None:
    (root / "a.tif").write_text("data")
    real = allowed_path(root / "a.tif", [root])
    swaps: tuple[Callable[[], None], ...] = (
        lambda: (root / "a.tif").symlink_to(root.parent / "data-secret" / "a.tif"),
        lambda: os.mkfifo(root / "a.tif"),
        lambda: (root / "a.tif").symlink_to("/proc/self/fd/0"),
        (root / "a.tif").mkdir,
    )
    for swap in swaps:
        (root / "a.tif").unlink()
        swap()
        with pytest.raises(FileRefused):
            open_allowed(real, [root])
    (root / "a.tif").rmdir()
    with pytest.raises(SourceMissing):
        open_allowed(real, [root])


def test_a_name_that_is_no_utf_8_is_found_and_cleaned(root: Path) -> None:
    path = os.fsencode(root) + b"/espa\xf1a.csv"
    Path(os.fsdecode(path)).write_text("a,b")
    (found,) = FileSource(roots=[root]).inspect(wanted(f"{root}/espa%F1a.csv"))
    assert (found.name, found.size) == ("españa.csv", 3)
    assert found.url.endswith("/espa%F1a.csv")
    assert fetch(root, f"{root}/espa%F1a.csv") == {"españa.csv": b"a,b"}


@pytest.mark.parametrize("seconds", [-5e9, 0.0, 1e11])
def test_a_time_that_cannot_be_is_none(root: Path, seconds: float) -> None:
    (root / "a.tif").write_text("data")
    os.utime(root / "a.tif", (seconds, seconds))
    (file,) = FileSource(roots=[root]).fetch(wanted(root / "a.tif"), root.parent / "staging", lambda *_: None)
    assert file.modified_at is None


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


@pytest.mark.parametrize(
    "url", ["/etc/passwd", "http:///etc/passwd", "file://host/etc/passwd", "file:etc/passwd", "file://[", ""]
)
def test_what_is_no_address_of_a_file_is_refused(root: Path, url: str) -> None:
    with pytest.raises(FileRefused):
        FileSource(roots=[Path("/")]).inspect(FetchRequest(resource="x", source="file", url=url))


def test_nothing_is_allowed_where_no_folder_is(root: Path) -> None:
    (root / "a.tif").write_text("data")
    with pytest.raises(FileRefused):
        FileSource(roots=[]).inspect(wanted(root / "a.tif"))
