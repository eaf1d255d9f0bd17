"""Which files of the server may be handed out: those that really lie below an allowed folder."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from downman.beneath import open_beneath
from downman.domain.errors import FileRefused, SourceMissing


def resolve_allowed(url: str, roots: Sequence[Path]) -> Path:
    """Return the real path behind a `file:///` URL, every symbolic link followed.

    Raises `FileRefused` when it does not lie below one of `roots` (themselves followed), or is no plain file, and
    `SourceMissing` when there is nothing. Whether it is there is told only of places that may be looked at.
    """
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise FileRefused from exc
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or parts.query or parts.fragment:
        raise FileRefused
    # Names on the disk are bytes, of any character set.
    return allowed_path(Path(os.fsdecode(unquote_to_bytes(parts.path))), roots)


def allowed_path(path: Path, roots: Sequence[Path]) -> Path:
    """Do the same for a path; it must be absolute."""
    if not path.is_absolute() or "\0" in str(path):
        raise FileRefused
    try:
        real = path.resolve()
    except (OSError, RuntimeError) as exc:
        raise FileRefused from exc
    if _root_of(real, roots) is None:
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


def open_allowed(real: Path, roots: Sequence[Path]) -> BinaryIO:
    """Open what `resolve_allowed` or `allowed_path` has found, if it is still the same plain file below a root.

    Raises `FileRefused` and `SourceMissing`.
    """
    root = _root_of(real, roots)
    if root is None:
        raise FileRefused
    try:
        return open_beneath(root, real)
    except FileNotFoundError as exc:
        raise SourceMissing(reason="no such file") from exc
    except OSError as exc:
        raise FileRefused from exc


def _root_of(real: Path, roots: Sequence[Path]) -> Path | None:
    return next((root for root in (root.resolve() for root in roots) if real.is_relative_to(root)), None)
