"""Secrets that lie in files: where NAME is a secret, NAME_FILE may name the file that holds its value."""

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

SUFFIX = "_FILE"
_OWN_FILE = "keep the secret in a file of its own, made so that only its owner may open it (chmod 600)."


class SecretsRefused(ValueError):
    """Secrets cannot be taken as they are given; `reasons` holds one sentence for each, without any value."""

    def __init__(self, reasons: list[str]) -> None:
        """Say all of them, a line each."""
        super().__init__("\n".join(reasons))
        self.reasons = reasons


def with_secrets(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the environment with the value of each secret of these names in place of the name of its file.

    What is empty counts as not given. Raises `SecretsRefused`.
    """
    found, reasons = dict(environment), []
    for name in names:
        try:
            value = secret_from(environment, name)
        except SecretsRefused as exc:
            reasons += exc.reasons
        else:
            if found.pop(name + SUFFIX, None):
                found[name] = value
    if reasons:
        raise SecretsRefused(reasons)
    return found


def secret_from(environment: Mapping[str, str], name: str) -> str:
    """Return one secret, from NAME or from the file that NAME_FILE names; empty when neither says anything.

    Raises `SecretsRefused`.
    """
    value, file = environment.get(name, ""), environment.get(name + SUFFIX, "")
    if not file:
        return value
    if value:
        raise SecretsRefused([f"{name} and {name + SUFFIX} are both set; keep one of them."])
    return _read(name + SUFFIX, Path(file))


def _read(variable: str, path: Path) -> str:
    """Read what a person or a program wrote into the file, without the end of its last line."""
    try:
        # Without waiting: the reading of a pipe would wait for who writes.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SecretsRefused([f"{variable} names {path}, which is no file; name the file with the secret."])
            if status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
                raise SecretsRefused(
                    [f"{variable} names {path}, which every user of this machine may open; {_OWN_FILE}"]
                )
            text = file.read().decode()
    except OSError as exc:
        raise SecretsRefused(
            [f"{variable} names {path}, which cannot be read: {exc.strerror}; correct the name or the file's owner."]
        ) from exc
    except UnicodeDecodeError as exc:
        raise SecretsRefused([f"{variable} names {path}, which is not text (UTF-8); write the secret anew."]) from exc
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise SecretsRefused([f"{variable} names {path}, which is empty; write the secret into it."])
    if "\n" in value or "\0" in value:
        raise SecretsRefused([f"{variable} names {path}, which has more than one line; write only the secret into it."])
    return value
