"""Which files of the server may be handed out: those that really lie below an allowed folder."""

import stat
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from downman.domain.errors import FileRefused, SourceMissing


def resolve_allowed(url: str, roots: Sequence[Path]) -> Path:
    """Return the real path behind a `file:///` URL, every symbolic link followed.

    Raises `FileRefused` when it does not lie below one of `roots` (themselves followed), or is no plain file, and
    `SourceMissing` when there is nothing. Whether it is there is told only of places that may be looked at.
    """
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or parts.query or parts.fragment:
        raise FileRefused
    return allowed_path(Path(unquote(parts.path)), roots)


def allowed_path(path: Path, roots: Sequence[Path]) -> Path:
    """Do the same for a path; it must be absolute."""
    if not path.is_absolute() or "\0" in str(path):
        raise FileRefused
    try:
        real = path.resolve()
    except (OSError, RuntimeError) as exc:
        raise FileRefused from exc
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        raise FileRefused
    try:
        mode = real.stat().st_mode
    except FileNotFoundError as exc:
        raise SourceMissing(reason="no such file") from exc
    except OSError as exc:
        raise FileRefused from exc
    if not stat.S_ISREG(mode):
        raise FileRefused
    return real
