"""The folder of the checkout as the files of the services have to name it."""

import shlex
from pathlib import Path
from urllib.parse import quote

from downman_ops.errors import ConfigurationError

#: The folder that the files in the repository name.
USUAL = "/opt/downman"


def name_folder(file: Path, folder: Path) -> str:
    """Return a unit, or the script, with another folder in place of the usual one.

    Raises `ConfigurationError` where systemd could not name that.
    """
    path = str(folder)
    if not path.isprintable() or path != path.strip() or path.endswith("\\"):
        raise ConfigurationError(
            f"systemd cannot name the folder {path!r}, for a character in it that cannot be seen, or a space or "
            f"backslash at its end; rename it, or move the checkout to {USUAL}."
        )
    # `%` begins one of systemd's specifiers (systemd.unit(5)). The value of WorkingDirectory= is the rest of its line,
    # with neither quotes nor escapes, while Documentation= is a list of URLs.
    in_unit = {
        f"file:{USUAL}": f"file:{quote(path)}".replace("%", "%%"),
        f"WorkingDirectory={USUAL}": f"WorkingDirectory={path.replace('%', '%%')}",
    }
    in_script = {f"cd {USUAL}": f"cd {shlex.quote(path)}"}
    text = file.read_text()
    for usual, here in (in_script if file.suffix == ".sh" else in_unit).items():
        text = text.replace(usual, here)
    return text
