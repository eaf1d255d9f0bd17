"""`make tools` on a machine on which earlier tests left a program named apt-get, which installs nothing."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUB = '#!/bin/bash\n[ "$1" = update ] && exit 0\nshift\n'
#: What a person might have of that name, for good reasons.
ANOTHER = '#!/bin/bash\nexec /usr/bin/apt-get --quiet "$@"\n'


def make_tools(folder: Path) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", "tools", "TEST_TOOLS="],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout + done.stderr


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tmp_path / "apt-get"


def test_the_stub_is_removed_with_a_sentence(program: Path) -> None:
    program.write_text(STUB)
    program.chmod(0o755)
    said = make_tools(program.parent)
    assert said.startswith(f"Removing {program}, a stub that installs nothing")
    assert said.count("\n") == 1
    assert not program.exists()
    assert make_tools(program.parent) == ""


def test_any_other_program_stays(program: Path) -> None:
    program.write_text(ANOTHER)
    program.chmod(0o755)
    assert make_tools(program.parent) == ""
    assert program.read_text() == ANOTHER
