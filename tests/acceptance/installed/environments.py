"""Fresh virtual environments with the wheels of this checkout in them, as people install them."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
UV = str(Path(sys.executable).with_name("uv"))
SECONDS = 300
#: Nothing of these is inherited: who installs downman has none of them.
_OURS = ("DOWNMAN_", "DOWNLOADS_", "PREFECT_", "DJANGO_", "WARM_PROCESS_", "PYTHON", "VIRTUAL_ENV")


@dataclass(frozen=True, kw_only=True)
class Wheels:
    """What `make dist` builds."""

    folder: Path

    @property
    def downman(self) -> Path:
        """The wheel of downman, which was built from its source distribution."""
        return next(self.folder.glob("downman-*.whl"))

    @property
    def worker_type(self) -> Path:
        """The wheel of prefect-warm-process."""
        return next(self.folder.glob("prefect_warm_process-*.whl"))


def build_wheels(folder: Path) -> Wheels:
    """Build both wheels, each from its source distribution."""
    for project in (ROOT / "deployments" / "prefect_warm_process", ROOT):
        options = ["--quiet", "--no-build-isolation", f"--python={sys.executable}", f"--out-dir={folder}"]
        _must([UV, "build", *options, str(project)])
    return Wheels(folder=folder)


class FreshEnvironment:
    """A virtual environment, and a folder outside of any checkout in which its programs are run."""

    def __init__(self, folder: Path, *, python: str = sys.executable) -> None:
        """Make it, empty."""
        self.root = folder / "environment"
        self.folder = folder / "work"
        self.folder.mkdir(parents=True)
        self.python = self.root / "bin" / "python"
        self.console_script = self.root / "bin" / "downman"
        _must([UV, "venv", "--quiet", f"--python={python}", str(self.root)])
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
            "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            # Nothing is read from, or left in, the home of who runs the test.
            "HOME": str(folder),
            "NO_PROXY": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
        }

    def install(self, wheels: Wheels, *extras: str) -> None:
        """Install downman with some extras; of everything else the locked versions."""
        wanted = f"downman[{','.join(extras)}] @ {wheels.downman.as_uri()}"
        locked = f"--constraint={ROOT / 'requirements.txt'}"
        self.pip_install(locked, wanted, *([str(wheels.worker_type)] if extras else []))

    def pip_install(self, *words: str) -> None:
        """Install something; it is compiled when it is imported."""
        _must([UV, "pip", "install", "--quiet", f"--python={self.python}", *words])

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run one of its programs."""
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip

    def must(self, *command: str | Path) -> str:
        """Run one of its programs, which must succeed, and return what it says."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def distributions(self) -> set[str]:
        """Return the names of what is installed."""
        names = "from importlib.metadata import distributions as d; print(*{x.name.lower() for x in d()})"
        return set(self.must(self.python, "-c", names).split())

    def size_bytes(self) -> int:
        """Return how much there is in it, compiled as pip compiles what it installs."""
        self.must("python", "-m", "compileall", "-q", self.root / "lib")
        return sum(path.lstat().st_size for path in self.root.rglob("*"))


def _must(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
