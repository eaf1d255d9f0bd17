"""Installs downman's services for systemd, and takes them away: `downman install`, `downman uninstall`.

Lists everything that it will do, asks, and does it. What is there already is kept, so that repeating it changes only
what has changed: units of a newer version, or another number of workers.
"""

import argparse
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from downman_ops.data_files import checkout, data_file
from downman_ops.errors import ConfigurationError
from downman_ops.launch.env_file import read_file
from downman_ops.launch.service_settings import ServiceSettings
from downman_ops.launch.service_user import USER, check_service_user, has_user
from downman_ops.launch.systemd_names import name_folder

#: The units and what goes with them.
HERE = data_file("systemd")
UNITS = (
    "downman.target", "downman-prefect.service", "downman-setup.service", "downman-site.service",
    "downman-package@.service", "downman-worker.service",
)  # fmt: skip
#: Units of earlier versions, each with the name of its service and the one that it has now.
RETIRED_UNITS = {"downman-others.service": ("others", "worker")}
TARGET = "downman.target"
#: What may be enabled as it is, by its name in DOWNMAN_SERVICES; of the template as many as there are to be workers.
SERVICES = {name: f"downman-{name}.service" for name in ("prefect", "setup", "site", "worker")}
PACKAGE = "package"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to be done: what it says, and how."""

    what: str
    do: Callable[[], object]


class Installation:
    """The places of an installation below a root folder, `/` or the one of a package that is being made."""

    def __init__(self, root: Path) -> None:
        """Nothing is touched yet."""
        self.root = root
        self.units = root / "etc/systemd/system"
        self.configuration = root / "etc/downman"
        self.environment = self.configuration / "downman.env"
        self.secrets = self.configuration / "secrets"
        self.command = root / "usr/local/bin/downman"
        self.home = root / "var/lib/downman"

    @property
    def is_this_machine(self) -> bool:
        """Return whether it is to run here, and not in a folder only."""
        return self.root == Path("/")

    def install_steps(self) -> Iterator[Step]:
        """Return what is left to do."""
        if self.is_this_machine and not has_user():
            yield Step(
                what=f"make the system user {USER}",
                do=partial(_run, "useradd", "--system", f"--home-dir={self.home}", "--shell=/usr/sbin/nologin", USER),
            )
        for folder, mode in ((self.configuration, 0o755), (self.secrets, 0o700), (self.home, 0o750)):
            if not folder.is_dir():
                yield Step(what=f"make the folder {folder}", do=partial(self._make, folder, mode))
        yield from self._secret_steps()
        yield from self._file_step(self.environment, (HERE / "downman.env").read_text(), 0o600, keep=True)
        yield from self._file_step(self.command, _name_home(HERE / "downman.sh"), 0o755)
        for name in UNITS:
            yield from self._file_step(self.units / name, _name_home(HERE / name), 0o644)
        yield from self._enabling_steps()
        yield from self._delete_steps(RETIRED_UNITS)

    def uninstall_steps(self) -> Iterator[Step]:
        """Return what can be taken away: what is kept are configuration, secrets and data."""
        there = self._enabled()
        if there and self.has_systemd:
            yield Step(what=f"stop {', '.join(there)}", do=lambda: _run("systemctl", "stop", *there))
        if there:
            yield Step(what=f"disable {', '.join(there)}", do=lambda: self._systemctl("disable", *there))
        yield from self._delete_steps([*UNITS, *RETIRED_UNITS])
        if self.command.exists():
            yield Step(what=f"delete {self.command}", do=self.command.unlink)

    def wanted(self) -> list[str]:
        """Return the units that the environment file asks for. Raises `ConfigurationError` for unknown ones."""
        said = read_file(self.environment if self.environment.exists() else HERE / "downman.env")
        names = (said.get("DOWNMAN_SERVICES") or str(_default("services"))).split(",")
        unknown = sorted({name.strip() for name in names} - {*SERVICES, PACKAGE})
        if unknown:
            known = ", ".join([*SERVICES, PACKAGE])
            renamed = [f" {old} is {new} now." for old, new in RETIRED_UNITS.values() if old in unknown]
            raise ConfigurationError(
                f"{self.environment}: DOWNMAN_SERVICES names {', '.join(unknown)}; there are {known}.{''.join(renamed)}"
            )
        units = [TARGET, *(SERVICES[name.strip()] for name in names if name.strip() in SERVICES)]
        if PACKAGE not in {name.strip() for name in names}:
            return units
        count = int(said.get("DOWNMAN_PACKAGE_WORKERS") or _default("package_workers"))
        return [*units, *(f"downman-package@{number}.service" for number in range(1, count + 1))]

    def _delete_steps(self, names: Iterable[str]) -> Iterator[Step]:
        for path in (self.units / name for name in names):
            if path.exists():
                yield Step(what=f"delete {path}", do=path.unlink)

    def _enabling_steps(self) -> Iterator[Step]:
        wanted, enabled = self.wanted(), self._enabled()
        missing = [name for name in wanted if name not in enabled]
        surplus = [name for name in enabled if name not in wanted]
        if missing:
            yield Step(what=f"enable {', '.join(missing)}", do=lambda: self._systemctl("enable", *missing))
        if surplus:
            yield Step(
                what=f"stop and disable {', '.join(surplus)}, which {self.environment} leaves out",
                do=lambda: self._systemctl("disable", *(["--now"] if self.has_systemd else []), *surplus),
            )

    @property
    def has_systemd(self) -> bool:
        """Return whether a systemd runs that can be told."""
        # As sd_booted(3) has it.
        return self.is_this_machine and Path("/run/systemd/system").is_dir()

    def reload(self) -> None:
        """Have systemd read its units again."""
        if self.has_systemd:
            _run("systemctl", "daemon-reload")

    def _secret_steps(self) -> Iterator[Step]:
        made = {"secret-key": secrets.token_urlsafe(50), "prefect-login": f"admin:{secrets.token_urlsafe(24)}"}
        for name, text in made.items():
            path = self.secrets / name
            if not path.exists():
                yield Step(
                    what=f"write a random secret into {path}",
                    do=partial(self._write, path, text + "\n", 0o600),
                )

    def _file_step(self, path: Path, text: str, mode: int, *, keep: bool = False) -> Iterator[Step]:
        if path.exists() and (keep or path.read_text() == text):
            return
        verb = "update" if path.exists() else "write"
        yield Step(what=f"{verb} {path}", do=partial(self._write, path, text, mode))

    def _make(self, folder: Path, mode: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
        if self.is_this_machine and folder != self.configuration:
            shutil.chown(folder, USER, USER)

    def _write(self, path: Path, text: str, mode: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)
        unfinished.chmod(mode)
        if self.is_this_machine and path.is_relative_to(self.configuration):
            # The user's own, not its group's: nginx is in that, to read the packages.
            shutil.chown(unfinished, USER, USER)
        unfinished.replace(path)

    def _enabled(self) -> list[str]:
        """Return our units that are enabled, as the links say by which systemd knows it."""
        target = self.units / "multi-user.target.wants" / TARGET
        services = sorted(self.units.glob(f"{TARGET}.wants/downman-*.service"))
        return [link.name for link in (target, *services) if link.is_symlink()]

    def _systemctl(self, *words: str) -> None:
        root = [] if self.has_systemd else [f"--root={self.root}"]
        _run("systemctl", *root, "--quiet", *words)


def _find_home() -> Path:
    """Return the folder that the services name. Raises `ConfigurationError`."""
    if found := checkout():
        return found
    if sys.prefix == sys.base_prefix:
        raise ConfigurationError(
            "The services need a virtual environment of downman's own, such as /opt/downman: python3 -m venv "
            "/opt/downman, install downman[worker,server] in it, and run /opt/downman/bin/downman install."
        )
    return Path(sys.prefix)


def _name_home(file: Path) -> str:
    return name_folder(file, _find_home(), is_checkout=checkout() is not None)


def _default(field: str) -> Any:
    return ServiceSettings.model_fields[field].default


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise ConfigurationError(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()}")


def run(what: str, words: Sequence[str]) -> int:
    """Install or uninstall, and return the exit status. Raises `ConfigurationError`."""
    parser = argparse.ArgumentParser(
        prog=f"downman {what}",
        description="Lists everything that it will do, asks, and does it. Repeated, it changes only what has changed.",
    )
    parser.add_argument("--root", type=Path, default=Path("/"), help="write below this folder, for a package (/)")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parser.parse_args(words)
    installation = Installation(arguments.root.resolve())
    try:
        if installation.is_this_machine and os.geteuid() != 0:
            raise ConfigurationError("Only root can do this; become root, or name a folder with --root.")
        if what == "install" and installation.is_this_machine:
            check_service_user(_find_home())
        steps = list(installation.install_steps() if what == "install" else installation.uninstall_steps())
        return _carry_out(steps, installation, what, yes=arguments.yes)
    except OSError as exc:
        raise ConfigurationError(str(exc)) from exc


def _carry_out(steps: Sequence[Step], installation: Installation, what: str, *, yes: bool) -> int:
    if not steps:
        _say("There is nothing to do.")
        return 0
    _say(f"To {what} downman's services:")
    for step in steps:
        _say(f"  - {step.what}")
    if not yes and not _is_confirmed():
        _say("Nothing was changed.")
        return 1
    for step in steps:
        step.do()
    installation.reload()
    _say("Done." + _what_next(installation, what))
    return 0


def _is_confirmed() -> bool:
    try:
        return input("Continue? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def _what_next(installation: Installation, what: str) -> str:
    if what == "uninstall":
        return (
            f" Kept are {installation.configuration}, {installation.home}, the user {USER} and the databases; delete"
            " them yourself if nobody needs them any more."
        )
    missing = [
        str(installation.secrets / name)
        for name in ("database-url", "prefect-database-url")
        if not (installation.secrets / name).exists()
    ]
    if missing:
        places = " and ".join(missing)
        return f" Now write the URLs of the databases into {places}, and look at {installation.environment}."
    return " systemctl start downman.target starts what does not run yet."


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201
