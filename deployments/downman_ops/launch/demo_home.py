"""The folder in which a demo keeps everything, and the checks that it can."""

import contextlib
import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from downman.domain.sizes import format_size
from downman.secret_files import belongs_to_strangers
from downman_ops.errors import ConfigurationError

#: Below this the databases could not even start properly, let alone packages be made.
LEAST_FREE_BYTES = 500_000_000
#: Set for every process below the launcher; its value is the demo's home.
MARK = "DOWNMAN_DEMO_PROCESS_OF"


#: Folders and files that nobody else may look into.
_OURS_ALONE, _FILE_OF_OURS = 0o700, 0o600
#: Of the path of a folder that is no place for all, as /srv is.
_LEAST_DEPTH = 2


@dataclass(frozen=True, kw_only=True)
class DemoHome:
    """Where things lie in the folder `DOWNMAN_HOME`."""

    root: Path

    @property
    def postgres(self) -> Path:
        """The embedded PostgreSQL's folder."""
        return self.root / "postgres"

    @property
    def prefect(self) -> Path:
        """Prefect's own folder (`PREFECT_HOME`)."""
        return self.root / "prefect"

    @property
    def temporary(self) -> Path:
        """The temporary files of all processes: in the system's folder those of Prefect stop other users' workers."""
        return self.root / "tmp"

    @property
    def staging(self) -> Path:
        """Where workers fetch."""
        return self.root / "staging"

    @property
    def packages(self) -> Path:
        """Where finished packages lie."""
        return self.root / "packages"

    @property
    def files(self) -> Path:
        """The folder below which resources of the source `file` may lie."""
        return self.root / "files"

    @property
    def mail(self) -> Path:
        """Every mail that was sent, one file each."""
        return self.root / "mail"

    @property
    def logs(self) -> Path:
        """What each process says."""
        return self.root / "log"

    @property
    def prefect_login(self) -> Path:
        """The file with the line that opens Prefect's pages and API: user, colon, password."""
        return self.root / "secrets" / "prefect-api-auth"

    @property
    def secret_key(self) -> Path:
        """The file with Django's key."""
        return self.root / "secrets" / "django-secret-key"

    @property
    def environment(self) -> Path:
        """The file that shows commands in other terminals where the running demo's database is."""
        return self.root / "secrets" / "environment.json"

    def prepare(self) -> list[str]:
        """Make the folders, none of which others may look into; return a sentence for those that they could.

        Raises `ConfigurationError` when that cannot be, when the home is another user's, or the disk is nearly full.
        """
        folders = [
            self.prefect, self.temporary, self.staging, self.packages, self.files, self.mail, self.logs,
            self.environment.parent,
        ]  # fmt: skip
        try:
            self.root.mkdir(mode=_OURS_ALONE, parents=True, exist_ok=True)
            if stranger := belongs_to_strangers(self.root.stat()):
                raise ConfigurationError(
                    f"{self.root} {stranger}: a demo there would trust what others have put into it; set DOWNMAN_HOME "
                    "to a folder of your own."
                )
            for folder in folders:
                folder.mkdir(mode=_OURS_ALONE, exist_ok=True)
            closed = [folder for folder in [self.root, *folders] if not os.access(folder, os.W_OK | os.X_OK)]
            opened = [] if closed else self._close([*folders, *self.mail.iterdir(), *self.logs.iterdir()])
        except OSError as exc:
            raise ConfigurationError(
                f"The demo cannot keep its files in {self.root}: {exc.strerror} ({exc.filename}); "
                "set DOWNMAN_HOME to a folder that you may write to."
            ) from exc
        if closed:
            raise ConfigurationError(
                f"The demo may not write to {closed[0]}; set DOWNMAN_HOME to a folder that you may write to."
            )
        free = shutil.disk_usage(self.root).free
        if free < LEAST_FREE_BYTES:
            raise ConfigurationError(
                f"The disk of {self.root} is nearly full: {format_size(free)} are free and the demo needs "
                f"{format_size(LEAST_FREE_BYTES)}; make room, or set DOWNMAN_HOME to a folder on another disk."
            )
        return opened

    def _close(self, paths: Iterable[Path]) -> list[str]:
        """Let nobody else into these paths, and the home unless others may need it, as they do /srv."""
        paths = list(paths)
        ours = {*(path.name for path in paths), self.postgres.name}
        within = {path.name for path in self.root.iterdir()}
        is_ours = within <= ours or ("demo.lock" in within and len(self.root.parts) > _LEAST_DEPTH)
        root = [self.root] if is_ours and self.root != Path.home() else []
        found = [path for path in root + paths if _is_open(path)]
        for path in found:
            mode = path.lstat().st_mode
            path.chmod(stat.S_IMODE(mode) & (_OURS_ALONE if stat.S_ISDIR(mode) else _FILE_OF_OURS))
        if not found:
            return []
        what = f"{found[0]}" + (f" and {len(found) - 1} more" if len(found) > 1 else "")
        return [f"Other users could look into {what}; they cannot any more."]

    def lock(self) -> IO[str]:
        """Take the home for this process until the file is closed or the process ends, however it ends.

        Raises `ConfigurationError` when another demo has it.
        """
        file = (self.root / "demo.lock").open("a+")
        try:
            # A record lock: unlike flock, it is not kept alive by processes that we start.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise ConfigurationError(
                f"Another demo (process {holder}) is running in {self.root}; stop it, "
                "or give this one a DOWNMAN_HOME, DOWNMAN_PORT and DOWNMAN_PREFECT_PORT of its own."
            ) from exc
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file

    def is_running(self) -> bool:
        """Return whether a demo has the home now."""
        try:
            with (self.root / "demo.lock").open() as file:
                fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def make_secrets(self) -> None:
        """Make the secrets on the first start."""
        made = {self.secret_key: secrets.token_urlsafe(50), self.prefect_login: f"admin:{secrets.token_urlsafe(18)}"}
        for file, text in made.items():
            if not file.exists() or not file.read_text().strip():
                self.write_secret(file, text)

    @staticmethod
    def write_secret(file: Path, text: str) -> None:
        """Write a file that nobody else may read; who reads it never sees half of it."""
        unfinished = file.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(text + "\n")
        unfinished.replace(file)


def _is_open(path: Path) -> bool:
    """Return whether others may do anything with a path, but pass through the folder as PostgreSQL's user must."""
    with contextlib.suppress(FileNotFoundError):
        status = path.lstat()
        allowed = stat.S_IXGRP if stat.S_ISDIR(status.st_mode) and os.geteuid() == 0 else 0
        return not stat.S_ISLNK(status.st_mode) and bool(status.st_mode & 0o077 & ~allowed)
    return False
