"""What other users may have put where a command is typed: none of it is run."""

import os
import pwd
import stat
from pathlib import Path

from downman_ops.errors import ConfigurationError

_ROOT = 0


def refuse_strangers(*paths: Path, instead: str) -> None:
    """Raise `ConfigurationError` for what others may write, or what belongs to neither this user nor root.

    `instead` is what to do about it. In a folder that everybody may write, such as /tmp, not even the sticky bit keeps
    others from adding files.
    """
    for path in paths:
        status = path.stat()
        if is_writable_by_all(path):
            why = "everybody may write it"
        elif status.st_uid not in {_ROOT, os.geteuid()}:
            why = "it is not yours"
        else:
            continue
        raise ConfigurationError(
            f"{path} belongs to {_get_name(status.st_uid)} and {why}: code in it is not run; {instead}."
        )


def refuse_open_folder(folder: Path, *, what: str) -> None:
    """Raise `ConfigurationError` where everybody may write into the present folder: Python imports from it first."""
    if is_writable_by_all(folder):
        raise ConfigurationError(
            f"Everybody may write into {folder}: no {what} is started there, as it would run what others have put into "
            "it; go elsewhere with cd."
        )


def is_writable_by_all(folder: Path) -> bool:
    """Return whether anybody may put files into a folder."""
    return bool(folder.stat().st_mode & stat.S_IWOTH)


def _get_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"the user with the id {user}"
