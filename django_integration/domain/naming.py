"""Names of files that are safe on every system a package is opened on."""

import re
import unicodedata
from collections.abc import Iterable
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


def unique_names(names: Iterable[str]) -> list[str]:
    """Make names safe and different from each other, ignoring case, in their order: `a.txt`, `a_2.txt` …"""
    taken: set[str] = set()
    result = []
    for name in names:
        safe = candidate = safe_name(name)
        number = 1
        while candidate.casefold() in taken:
            number += 1
            candidate = _shortened(safe, suffix=f"_{number}")
        taken.add(candidate.casefold())
        result.append(candidate)
    return result


def _shortened(name: str, *, suffix: str = "") -> str:
    """Cut the stem, keep the extension, and put `suffix` between them."""
    path = PurePosixPath(name)
    extension = path.suffix if 0 < len(path.suffix.encode()) <= 20 else ""  # noqa: PLR2004 - a longer one is no extension
    stem = name[: len(name) - len(extension)] if extension else name
    room = MAX_NAME_BYTES - len(extension.encode()) - len(suffix.encode())
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(" .") or FALLBACK
    return f"{stem}{suffix}{extension}"
