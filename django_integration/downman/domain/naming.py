"""Names of files that are safe on every system a package is opened on."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

#: Bytes of UTF-8; every file system in use takes 255, and extractors add a folder and a suffix of their own.
MAX_NAME_BYTES = 120
FALLBACK = "file"

# Separators, characters that Windows refuses, control and invisible formatting characters.
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]+')
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)", re.IGNORECASE)


def safe_name(text: str, *, fallback: str = FALLBACK) -> str:
    """Make one path segment of any text: no separators, nothing hidden, reserved, invisible, or too long."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(character for character in text if unicodedata.category(character) not in {"Cf", "Cs", "Co", "Cn"})
    text = _UNSAFE.sub("_", text)
    text = re.sub(r"\s+", " ", text).strip(" .")
    # `..` and hidden files are gone by now; a name made of nothing but replaced characters says nothing.
    if not text.strip("_ ."):
        text = fallback
    if _RESERVED.match(text):
        text = f"_{text}"
    return _shortened(text)


class TakenNames:
    """The names that stand in one folder already; gives out others, different from all of them, ignoring case."""

    def __init__(self, *reserved: str) -> None:
        """Start with names that nobody gets."""
        self._taken = {name.casefold() for name in reserved}

    def claim(self, names: Sequence[str]) -> list[str]:
        """Make names safe and unique as a group, so that sidecar files keep a common stem.

        The first name is the main one. Two equal names within the group are told apart one by one.
        """
        safe = [safe_name(name) for name in names]
        stem = PurePosixPath(safe[0]).stem if safe else ""
        number = 1
        while True:
            suffix = "" if number == 1 else f"_{number}"
            candidates = [_suffixed(name, stem, suffix) for name in safe]
            folded = {name.casefold() for name in candidates}
            if len(folded) < len(candidates):
                return [self.claim([name])[0] for name in names]
            if not folded & self._taken:
                self._taken |= folded
                return candidates
            number += 1


def _suffixed(name: str, stem: str, suffix: str) -> str:
    """Put a suffix behind the common stem, or before the extension of a name that does not share it."""
    if not suffix:
        return name
    if name.startswith(stem) and len(name.encode()) + len(suffix) <= MAX_NAME_BYTES:
        return f"{stem}{suffix}{name[len(stem) :]}"
    return _shortened(name, suffix=suffix)


def _shortened(name: str, *, suffix: str = "") -> str:
    """Cut the stem, keep the extension, and put `suffix` between them."""
    path = PurePosixPath(name)
    extension = path.suffix if 0 < len(path.suffix.encode()) <= 20 else ""  # noqa: PLR2004 - a longer one is no extension
    stem = name[: len(name) - len(extension)] if extension else name
    room = MAX_NAME_BYTES - len(extension.encode()) - len(suffix.encode())
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(" .") or FALLBACK
    return f"{stem}{suffix}{extension}"
