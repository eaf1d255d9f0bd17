"""What a test leaves behind on its machine is seen."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.machine_state import differences, snapshot


def _rewrite(folder: Path) -> None:
    """Write the same size and give the file its time back: only the system knows of it."""
    before = (folder / "bin" / "program").stat()
    (folder / "bin" / "program").write_text("two")
    os.utime(folder / "bin" / "program", ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda folder: (folder / "bin" / "new").write_text(""), "new: {}/bin/new"),
        (lambda folder: (folder / "empty").mkdir(), "new: {}/empty"),
        (lambda folder: (folder / "bin" / "program").unlink(), "gone: {}/bin/program"),
        (lambda folder: (folder / "bin").chmod(0o700), "changed: {}/bin: "),
        (_rewrite, "changed: {}/bin/program: "),
    ],
    ids=["file", "folder", "removed", "mode", "content"],
)
def test_a_change_is_told(change: Callable[[Path], object], line: str, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir(mode=0o755)
    (tmp_path / "bin" / "program").write_text("one")
    before = snapshot([str(tmp_path)])
    assert differences(before, snapshot([str(tmp_path)])) == []
    change(tmp_path)
    (told,) = differences(before, snapshot([str(tmp_path)]))
    assert told.startswith(line.format(tmp_path))


def test_users_groups_and_the_folders_of_the_machine_are_looked_at() -> None:
    known = snapshot()
    assert {"user root", "group root", "/etc/passwd", "/usr/local", "/opt", "/var/lib"} <= known.keys()
