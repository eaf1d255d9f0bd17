"""What belongs to the machine on which the tests run, and must be afterwards as it was before."""

import grp
import pwd
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

#: Where programs, configuration, data and whole products lie that are not the tests' own.
FOLDERS = ("/usr/local", "/etc", "/var/lib", "/opt")


def snapshot(folders: Iterable[str] = FOLDERS) -> dict[str, str]:
    """Return everything below the folders, and every user and group, each with what tells a change.

    Of a file this is also the time of its last change of any kind, which nobody can set back; so none is read, and
    large ones cost nothing. A folder's own times are not looked at: its entries are.
    """
    found = {}
    for folder in folders:
        found.update(dict(_entries(Path(folder))))
    found.update({f"user {user.pw_name}": repr(tuple(user)) for user in pwd.getpwall()})
    found.update({f"group {group.gr_name}": repr(tuple(group)) for group in grp.getgrall()})
    return found


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return a line for everything that came, went or changed."""
    lines = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            lines.append(f"new: {name}")
        elif name not in after:
            lines.append(f"gone: {name}")
        elif before[name] != after[name]:
            lines.append(f"changed: {name}: {before[name]} -> {after[name]}")
    return lines


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    state = f"mode {status.st_mode:o}, owner {status.st_uid}:{status.st_gid}"
    if not stat.S_ISDIR(status.st_mode):
        times = f"modified {status.st_mtime_ns}, changed {status.st_ctime_ns}"
        yield str(path), f"{state}, {status.st_size} bytes, inode {status.st_ino}, {times}"
        return
    yield str(path), state
    try:
        entries = list(path.iterdir())
    except FileNotFoundError:
        return
    except PermissionError:
        yield f"{path}/*", "not to be read by this user"
        return
    for entry in entries:
        yield from _entries(entry)
