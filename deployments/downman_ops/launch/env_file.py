"""Files of environment variables, and how a process takes what they say for its environment."""

import os
import re
from pathlib import Path

from downman_ops.errors import ConfigurationError
from downman_ops.launch.environment import resolve_environment

#: A line of an environment file that systemd's `EnvironmentFile` and a shell read alike.
_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(?:\"([^\"$`\\]*)\"|'([^']*)'|([^\s\"'$`\\;&|<>()#]*))\s*")


def read_file(file: Path) -> dict[str, str]:
    """Read an environment file. Raises `ConfigurationError` for what systemd and a shell would not read alike."""
    try:
        lines = file.read_text().splitlines()
    except OSError as exc:
        raise ConfigurationError(f"{file} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"{file} cannot be read: it is not text in UTF-8.") from exc
    found = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            # The line is not repeated: it may hold a secret.
            raise ConfigurationError(
                f"{file}, line {number}: write NAME=value, with single quotes around what is not one plain word."
            )
        found[match[1]] = match[2] or match[3] or match[4] or ""
    return found


def load_env(file: Path | None = None) -> None:
    """Make what the file says, over what this process was given, its environment. Raises `ConfigurationError`."""
    found = resolve_environment({**os.environ, **(read_file(file) if file else {})})
    os.environ.clear()
    os.environ.update(found)
