"""The folder and the command of downman as the files of the services have to name them."""

import re
import shlex
from pathlib import Path
from urllib.parse import quote

from downman_ops.errors import ConfigurationError

#: What the files in the repository name: a checkout, and the command in its virtual environment.
USUAL = "/opt/downman"
IN_CHECKOUT = ".venv/bin/downman"
#: The command in a virtual environment into which a wheel was installed.
IN_ENVIRONMENT = "bin/downman"
_DOCUMENTATION = re.compile(r"^Documentation=file:.*\n", re.MULTILINE)


def name_folder(file: Path, folder: Path, *, is_checkout: bool = True) -> str:
    """Return a unit, or the script, with another folder in place of the usual one: a checkout or an environment.

    Raises `ConfigurationError` where systemd could not name that.
    """
    path = str(folder)
    if not path.isprintable() or path != path.strip() or path.endswith("\\"):
        raise ConfigurationError(
            f"systemd cannot name the folder {path!r}, for a character in it that cannot be seen, or a space or "
            f"backslash at its end; rename it, or move downman to {USUAL}."
        )
    # `%` begins one of systemd's specifiers (systemd.unit(5)). The value of WorkingDirectory= is the rest of its line,
    # with neither quotes nor escapes, while Documentation= is a list of URLs.
    in_unit = {
        f"file:{USUAL}": f"file:{quote(path)}".replace("%", "%%"),
        f"WorkingDirectory={USUAL}": f"WorkingDirectory={path.replace('%', '%%')}",
    }
    in_script = {f"cd {USUAL}": f"cd {shlex.quote(path)}"}
    text = file.read_text()
    if not is_checkout:
        # A wheel has no pages.
        text = _DOCUMENTATION.sub("", text).replace(IN_CHECKOUT, IN_ENVIRONMENT)
    for usual, here in (in_script if file.suffix == ".sh" else in_unit).items():
        text = text.replace(usual, here)
    return text
