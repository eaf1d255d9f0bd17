"""`make` before anything is installed: which Python it takes, what it says, and what is left when it fails.

A project in a folder of its own, with this Makefile: its one requirement is a wheel that lies in a folder, so that pip
needs no network unless a test is about it.
"""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
#: The interpreter outside of the environment that runs the tests.
PYTHON = getattr(sys, "_base_executable", sys.executable)
PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "downman"
version = "1"
"""
#: Builds the project without anything that must be installed first.
BACKEND = """\
from zipfile import ZipFile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "downman-1-py3-none-any.whl"
    info = "downman-1.dist-info"
    files = {
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: downman\\nVersion: 1\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{info}/entry_points.txt": "[console_scripts]\\ndownman = needed:main\\n",
    }
    with ZipFile(f"{folder}/{name}", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{path},,\\n" for path in [*files, f"{info}/RECORD"]))
    return name
"""
OLD_PYTHON = """\
#!/bin/sh
case "$2" in
  *platform*) echo 3.9.2 ;;
  *) exit 1 ;;
esac
"""


class Project:
    """A checkout, and what `make` says in it."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "MAKE"))},
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_FIND_LINKS": str(wheels),
            "PIP_NO_INDEX": "1",
        }
        (folder / "deployments").mkdir(parents=True)
        shutil.copytree(ROOT / "deployments" / "make", folder / "deployments" / "make")
        shutil.copy2(ROOT / "Makefile", folder / "Makefile")
        (folder / "pyproject.toml").write_text(PROJECT)
        (folder / "backend.py").write_text(BACKEND)
        digest = hashlib.sha256((wheels / WHEEL).read_bytes()).hexdigest()
        (folder / "requirements.txt").write_text(f"needed==1 \\\n    --hash=sha256:{digest}\n")

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["make", "--silent", ".venv/installed", "PROJECTS=.", *words], cwd=self.folder,
            env={**self.environment, **environment}, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def make(self, *words: str, **environment: str) -> str:
        """Install, and return what it said."""
        said, wrong = self.start(*words, **environment).communicate(timeout=120)
        assert wrong == ""
        done = subprocess.run([self.venv / "bin" / "downman"], capture_output=True, text=True, check=True)
        assert done.stdout == "it runs\n"
        assert (self.venv / "installed").exists()
        return said

    def fail(self, *words: str, **environment: str) -> str:
        """Install in vain, and return the one sentence that it said."""
        make = self.start(*words, **environment)
        _, wrong = make.communicate(timeout=120)
        assert make.returncode == 2
        (sentence, *rest) = wrong.splitlines()
        # The rest is make's own.
        assert all(line.startswith("make:") for line in rest), wrong
        return sentence


WHEEL = "needed-1-py3-none-any.whl"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    files = {
        "needed.py": "def main(): print('it runs')\n",
        "needed-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: needed\nVersion: 1\n",
        "needed-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with ZipFile(folder / WHEEL, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr("needed-1.dist-info/RECORD", "".join(f"{path},,\n" for path in files))
    return folder


@pytest.fixture
def project(tmp_path: Path, wheels: Path) -> Project:
    return Project(tmp_path / "a checkout", wheels)


@pytest.fixture
def silent_index() -> Iterator[str]:
    """Serve packages with a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


def test_it_says_what_it_installs_once_and_again_when_it_was_moved_or_lost_its_interpreter(project: Project) -> None:
    said = project.make()
    assert said.startswith(f"Installing what downman needs into {project.venv}, 1 package; ")
    assert said.splitlines()[-1].startswith("Installed in ")
    assert project.make() == ""

    project.folder = project.folder.rename(project.folder.with_name("moved"))
    assert "because it was made in another folder" in project.make()
    assert project.make() == ""

    for name in ("python", "python3", Path(PYTHON).resolve().name):
        (project.venv / "bin" / name).unlink(missing_ok=True)
    (project.venv / "bin" / "python").symlink_to("/gone/python3")
    assert "because its interpreter has gone" in project.make()
    assert project.make() == ""


def test_without_a_network_one_sentence_says_so_and_the_next_make_starts_anew(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    away = {"PIP_FIND_LINKS": "", "PIP_NO_INDEX": "0", "PIP_INDEX_URL": f"http://me:secret@127.0.0.1:{port}/simple"}

    said = project.fail(**away)
    assert said.startswith(f"The packages cannot be fetched from 127.0.0.1:{port}: the connection is refused;")
    log = Path(said.split("pip's log: ")[1].removesuffix(")."))
    assert "Connection refused" in log.read_text()
    assert "secret" not in said + log.read_text()
    assert not (project.venv / "installed").exists()

    assert "because its installation did not come to its end" in project.make()

    # What works is not lost because more cannot be fetched.
    requirements = project.folder / "requirements.txt"
    before = requirements.stat()
    locked = requirements.read_text()
    requirements.write_text(locked.replace("needed==1", "needed==2"))
    os.utime(requirements, (before.st_atime + 3600, before.st_mtime + 3600))
    assert "cannot be fetched" in project.fail(**away)
    requirements.write_text(locked)
    os.utime(requirements, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert project.make() == ""


def test_what_was_interrupted_is_not_taken_for_whole(project: Project, silent_index: str) -> None:
    for sign in (signal.SIGINT, signal.SIGKILL):
        make = project.start(PIP_FIND_LINKS="", PIP_NO_INDEX="0", PIP_INDEX_URL=silent_index)
        assert make.stdout is not None
        while not (line := make.stdout.readline()).startswith("Installing what downman needs"):
            assert line
        os.killpg(make.pid, sign)
        _, wrong = make.communicate(timeout=60)
        assert make.returncode != 0
        assert "Traceback" not in wrong
        assert (project.venv / "bin" / "python").exists()

    assert "because its installation did not come to its end" in project.make()


def test_a_folder_that_is_no_virtual_environment_is_left_alone(project: Project) -> None:
    project.venv.mkdir()
    (project.venv / "work.txt").write_text("of years")

    assert "no virtual environment" in project.fail()
    assert (project.venv / "work.txt").read_text() == "of years"


def test_a_newer_python_of_the_path_is_taken(project: Project, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").write_text(OLD_PYTHON)
    (programs / "python3").chmod(0o755)
    (programs / "python3.13").write_text(f'#!/bin/sh\nexec {PYTHON} "$@"\n')
    (programs / "python3.13").chmod(0o755)
    for name in ("make", "sh"):
        (programs / name).symlink_to(str(shutil.which(name)))

    project.make(PATH=str(programs))

    (programs / "python3.13").unlink()
    shutil.rmtree(project.venv)
    said = project.fail(PATH=str(programs))
    assert said.startswith("downman needs Python 3.11 or newer, and python3 is 3.9.2; install a newer one")
    said = project.fail(f"PYTHON={programs}/python3", PATH=str(programs))
    assert f"{programs}/python3 is 3.9.2" in said
