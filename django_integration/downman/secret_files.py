"""Secrets in files: where NAME is a secret, NAME_FILE may name the file that holds its value."""

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

SUFFIX = "_FILE"
_OWN_FILE = "keep the secret in a file of its own that only its owner may open (chmod 600)"


def read_secret_files(environment: Mapping[str, str], names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return the environment with the secrets of these names in place of their files, and a sentence for each problem.

    No sentence repeats a secret. An empty value counts as not set.
    """
    filled, problems = dict(environment), []
    for name in names:
        variable = name + SUFFIX
        file = filled.pop(variable, "")
        if file and environment.get(name):
            problems.append(f"{name} and {variable} are both set; keep one of them.")
        elif file:
            try:
                filled[name] = _read(Path(file))
            except OSError as exc:
                problems.append(
                    f"{variable} names {file}, which cannot be read: {exc.strerror}; correct the name or the file's "
                    "owner."
                )
            except ValueError as exc:
                problems.append(f"{variable} names {file}, which {exc}.")
    return filled, problems


def belongs_to_strangers(status: os.stat_result) -> str:
    """Return what keeps a file or folder from being trusted, after its name; nothing where only we and root write."""
    if status.st_uid not in {0, os.geteuid()}:
        return "is another user's"
    return "may be written by everybody" if status.st_mode & stat.S_IWOTH else ""


def read_own_file(path: Path) -> str | None:
    """Return the text of a file that only root and this user can have written; None where there is none.

    Raises `ValueError`, with a sentence, for one that others could have.
    """
    try:
        with path.open() as file:
            if stranger := belongs_to_strangers(os.fstat(file.fileno())):
                raise ValueError(f"{path} {stranger} and is not read; set DOWNMAN_HOME to a folder of your own.")
            return file.read()
    except FileNotFoundError:
        return None
    except PermissionError:
        raise ValueError(f"{path} is another user's; set DOWNMAN_HOME to a folder of your own.") from None


def _read(path: Path) -> str:
    """Return the secret in a file, without the end of its last line. Raises `ValueError` for what holds none."""
    # Without blocking: reading a pipe would wait for a writer.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("is not a file; name the file with the secret")
        if status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
            raise ValueError(f"every user of this machine may open; {_OWN_FILE}")
        content = file.read()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("is not text (UTF-8); write the secret anew") from None
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise ValueError("is empty; write the secret into it")
    if "\n" in value or "\0" in value:
        raise ValueError("has more than one line; write only the secret into it")
    return value
