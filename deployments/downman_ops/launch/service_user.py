"""Whether the services, with their user and what their units hide from them, can run what lies here."""

import grp
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from downman_ops.errors import ConfigurationError

USER = "downman"
#: Folders of which the services see nothing, whoever may read them: `ProtectHome=yes` in the units (systemd.exec(5)).
HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))
#: Who has no rights of its own, as the service user until it is made.
NOBODY = 65_534


def has_user() -> bool:
    """Return whether there is the user that runs the services."""
    try:
        return bool(pwd.getpwnam(USER) and grp.getgrnam(USER))
    except KeyError:
        return False


def check_service_user(home: Path) -> None:
    """Raise `ConfigurationError` where the service user cannot run downman; only root can ask."""
    python = Path(sys.executable)
    needed = {
        home.resolve(): _MOVE,
        python.resolve(): _OTHER_PYTHON,
        Path(sys.base_prefix).resolve(): _OTHER_PYTHON,
        python: _MOVE,
    }
    for path, advice in needed.items():
        if hidden := next((folder for folder in HIDDEN if path.is_relative_to(folder)), None):
            raise ConfigurationError(f"The services cannot use {path}: they see nothing of {hidden}. {advice}")
        if refused := _first_refused(path):
            raise ConfigurationError(
                f"The user {USER}, as which the services run, may not enter or run {refused}, and so not use {path}. "
                f"Let others enter it (chmod o+x), or: {advice}"
            )
    done = _as_user(str(python), "-P", "-c", "import downman_ops.cli.main")
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise ConfigurationError(
            f"As the user {USER}, as which the services run, {python} cannot load downman ({why}). "
            f"See that others may read {home} and {python.parent.parent}."
        )


_MOVE = "Move downman to a folder that everybody can enter, such as /opt/downman, and install the services from there."
_OTHER_PYTHON = (
    "Take a Python that is installed for everybody, such as /usr/bin/python3 (in a checkout: make clean install "
    "PYTHON=/usr/bin/python3); or move it."
)


def _first_refused(path: Path) -> str:
    """Return the uppermost folder on the way that the user may not enter, or the file, if it may not run it."""
    steps = [str(step) for step in _way_to(path)]
    done = _as_user("/bin/sh", "-c", 'for step; do [ -x "$step" ] || { echo "$step"; exit 1; }; done', "sh", *steps)
    return done.stdout.strip()


def _way_to(path: Path) -> Iterator[Path]:
    yield from reversed(path.parents)
    yield path


def _as_user(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the rights of the service user, as far as there is one."""
    user, group = (pwd.getpwnam(USER).pw_uid, grp.getgrnam(USER).gr_gid) if has_user() else (NOBODY, NOBODY)
    return subprocess.run(  # noqa: S603 - our own words
        command, user=user, group=group, extra_groups=[], cwd="/", env={"PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
