"""Makes the virtual environment of a checkout and installs the locked requirements into it, for the Makefile.

It runs before anything is installed: the standard library only. A second run does nothing. What was begun and not
finished, lost its interpreter or was moved is made anew, since pip cannot repair it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

OLDEST = (3, 11)
#: While it is there, packages are being installed: if it is found, that was interrupted.
UNFINISHED = "unfinished"
#: What pip writes down; kept when it has failed.
LOG = "pip.log"
_REQUIREMENT = re.compile(r"^[A-Za-z0-9][\w.-]*(\[[^]]*\])?==", re.MULTILINE)
#: Beginnings of the lines by which pip says that it works at one more package.
_STEPS = ("Collecting ", "Requirement already satisfied: ", "Ignoring ")
#: From here on pip changes the environment; before, it only fetches.
_CHANGES = "Installing collected packages"
#: How pip's log names what keeps it from a server -> what to say. The first that is found counts.
_NETWORK = (
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted here (PIP_CERT names the file of an own authority)"),
    ("ProxyError", "the proxy does not let pip through (HTTPS_PROXY)"),
    ("Name or service not known", "its name cannot be resolved"),
    ("Temporary failure in name resolution", "its name cannot be resolved"),
    ("getaddrinfo failed", "its name cannot be resolved"),
    ("Network is unreachable", "there is no network"),
    ("Connection refused", "the connection is refused"),
    ("No route to host", "there is no route to it"),
    ("timed out", "it does not answer"),
    ("connection broken by", "the connection breaks"),
)
#: Where pip says which server it cannot reach.
_SERVER = re.compile(r"ConnectionPool\(host='([^']+)', port=(\d+)\)")
#: Lines of what has failed in the end: before, pip tries again.
_FINAL = ("Could not fetch URL", "ERROR: ", "Max retries exceeded")


class CannotInstall(Exception):
    """It cannot be installed; the text is one sentence that says why and what to do."""


class VirtualEnvironment:
    """The folder, and what state it is in."""

    def __init__(self, folder: Path) -> None:
        """Touch nothing yet."""
        # Not resolved: the scripts in it name the folder as it was given to `venv`.
        self.folder = folder.absolute()
        self.python = self.folder / "bin" / "python"
        self.log = self.folder / LOG
        self.unfinished = self.folder / UNFINISHED

    @property
    def stamps(self) -> list[Path]:
        """Return the stamps of what has been installed to its end."""
        return sorted(self.folder.glob("installed*"))

    def why_unusable(self) -> str:
        """Return why it must be made anew, in a few words, or nothing."""
        if self.unfinished.exists() or not self.stamps:
            return "its installation did not come to its end"
        try:
            version = self._version()
        except (OSError, subprocess.SubprocessError, ValueError):
            return "its interpreter has gone"
        if not (self.folder / "lib" / "python{}.{}".format(*version)).is_dir() or version < OLDEST:
            return "its interpreter is of another version now"
        script = self.folder / "bin" / "downman"
        if not script.exists() or f"{self.folder}/bin/" not in script.read_text():
            return "it was made in another folder"
        return ""

    def make(self, base: str) -> None:
        """Make it, empty. Raises `CannotInstall`."""
        done = subprocess.run(  # noqa: S603 - our own words
            [base, "-m", "venv", "--clear", str(self.folder)], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        said = (done.stderr or done.stdout).strip().splitlines() or ["it did not say why"]
        if "ensurepip" in done.stdout + done.stderr:
            package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
            raise CannotInstall(
                f"{base} could not make {self.folder}, because it lacks its module ensurepip; on Debian, install the "
                f"package {package}, and run make again."
            )
        raise CannotInstall(f"{base} could not make {self.folder} ({said[-1]}); see that the folder can be written.")

    def _version(self) -> tuple[int, int]:
        """Return the version of its interpreter, as far as it runs."""
        question = "import sys; print(*sys.version_info[:2])"
        said = subprocess.run(  # noqa: S603 - our own words
            [self.python, "-c", question], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        major, minor = map(int, said.split())
        return major, minor


class Progress:
    """How far pip has come, in one line of a terminal; nothing where there is none."""

    def __init__(self, total: int) -> None:
        """Count up to `total` packages."""
        self.total = total
        self.seen = 0
        self.on_screen = sys.stdout.isatty()

    def follow(self, lines: Iterator[str]) -> None:
        """Read what pip says to its end."""
        for line in lines:
            if line.startswith(_STEPS):
                self.seen += 1
                self._draw(f"{min(self.seen, self.total)} of {self.total} fetched")
            elif line.startswith(_CHANGES):
                self._draw("unpacking")
        self._draw("")

    def _draw(self, text: str) -> None:
        if self.on_screen:
            sys.stdout.write(f"\r\x1b[K{'  ' + text if text else ''}")
            sys.stdout.flush()


def main(words: Sequence[str] | None = None) -> int:
    """Install what is missing, and return the exit status."""
    parser = argparse.ArgumentParser(prog="venv.py")
    parser.add_argument("--stamp", type=Path, required=True, help="touched when all is installed; in the environment")
    parser.add_argument("--requirements", type=Path, required=True, help="with hashes, and complete")
    parser.add_argument("--also", default="", help="stamps of what these requirements include, with commas")
    parser.add_argument("projects", nargs="+", type=Path, help="folders to be installed as they stand")
    arguments = parser.parse_args(words)
    os.umask(0o022)  # Started by root, PostgreSQL runs as another user, who must be able to read it.
    try:
        _install(arguments)
    except CannotInstall as exc:
        _say(str(exc), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _say("Interrupted; the next make installs it anew.", file=sys.stderr)
        return 130
    return 0


def _install(arguments: argparse.Namespace) -> None:
    environment = VirtualEnvironment(arguments.stamp.parent)
    folder = environment.folder
    if folder.exists() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists():
        raise CannotInstall(
            f"{folder} is there and no virtual environment; move it away, or name another with VENV=..."
        )
    is_there = (folder / "pyvenv.cfg").exists()
    why = environment.why_unusable() if is_there else ""
    if is_there and not why and _is_current(arguments):
        return
    if why:
        _say(f"Making {folder} anew, because {why}.")
    if why or not is_there:
        environment.make(_base_interpreter())
    text = arguments.requirements.read_text()
    progress = Progress(len(_REQUIREMENT.findall(text)))
    count = f"{progress.total} package{'s' if progress.total != 1 else ''}"
    _say(f"Installing what downman needs into {folder}, {count}; the first time this takes some minutes ...")
    began = time.monotonic()
    was_whole = bool(environment.stamps)
    environment.unfinished.touch()
    environment.log.unlink(missing_ok=True)
    locked = ["--require-hashes", "--no-deps", "--requirement", str(arguments.requirements)]
    projects = [word for project in arguments.projects for word in ("--editable", str(project))]
    for options in (locked, ["--no-deps", "--no-build-isolation", *projects]):
        try:
            _pip(environment, options, progress)
        except CannotInstall:
            if was_whole and _CHANGES not in environment.log.read_text(errors="replace"):
                # Nothing was changed yet: what could be used before can be used still.
                environment.unfinished.unlink()
            raise
    for name in (arguments.stamp.name, *filter(None, arguments.also.split(","))):
        (folder / name).touch()
    environment.log.unlink(missing_ok=True)
    environment.unfinished.unlink()
    _say(f"Installed in {time.monotonic() - began:.0f} s.")


def _is_current(arguments: argparse.Namespace) -> bool:
    stamp: Path = arguments.stamp
    made_from = [arguments.requirements, *(project / "pyproject.toml" for project in arguments.projects)]
    return stamp.exists() and all(file.stat().st_mtime <= stamp.stat().st_mtime for file in made_from)


def _base_interpreter() -> str:
    """Return the interpreter outside of any virtual environment: that one may be about to be cleared."""
    return getattr(sys, "_base_executable", None) or sys.executable


def _pip(environment: VirtualEnvironment, options: Sequence[str], progress: Progress) -> None:
    """Run pip. Raises `CannotInstall`."""
    # The lock is complete, so pip need not look for what else is needed (and, when it does, stumbles over extras).
    # Few retries: without a network each costs seconds.
    words = [str(environment.python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    words += [f"--log={environment.log}", *([] if "PIP_RETRIES" in os.environ else ["--retries=2"])]
    with subprocess.Popen(  # noqa: S603 - our own words
        [*words, "install", "--progress-bar=off", *options],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace",
    ) as pip:  # fmt: skip
        assert pip.stdout is not None  # noqa: S101 - a pipe
        progress.follow(pip.stdout)
    if pip.returncode:
        raise CannotInstall(_what_pip_says(environment.log))


def _what_pip_says(log: Path) -> str:
    """Return what is wrong and what to do, in one sentence."""
    text = log.read_text(errors="replace") if log.exists() else ""
    details = f"pip's log: {log}"
    if "No space left on device" in text:
        return f"The disk of {log.parent} is full; make room and run make again ({details})."
    if "DO NOT MATCH THE HASHES" in text:
        return (
            "A package is not the one that the requirements file names by its hash; see which server sends it "
            f"(PIP_INDEX_URL) before anything else ({details})."
        )
    final = [line for line in text.splitlines() if any(sign in line for sign in _FINAL)]
    for sign, why in _NETWORK:
        if line := next((line for line in final if sign in line), None):
            server = _SERVER.search(line)
            place = f" from {server[1]}:{server[2]}" if server else ""
            return (
                f"The packages cannot be fetched{place}: {why}; connect this machine to the network, or name a proxy "
                f"(HTTPS_PROXY) or a mirror (PIP_INDEX_URL), and run make again ({details})."
            )
    errors = [line.split("ERROR: ", 1)[1].strip() for line in final if "ERROR: " in line]
    return f"pip could not install the packages: {(errors or ['it did not say why'])[0].rstrip('.')} ({details})."


def _say(text: str, *, file: object = None) -> None:
    print(text, file=file or sys.stdout, flush=True)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
