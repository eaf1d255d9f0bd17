"""Names of files that are safe on every system a package is opened on."""

import re
import unicodedata
from collections.abc import Sequence

from downman.domain.text import clean_text

#: Bytes of UTF-8; every file system in use takes 255, and extractors add a folder and a suffix of their own.
MAX_NAME_BYTES = 120
FALLBACK = "file"

# Separators, characters that Windows refuses, control characters (C0 and C1) and line separators.
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f-\x9f\u2028\u2029]+')
#: Invisible characters, halves of characters, and those that mean something else everywhere.
_INVISIBLE = frozenset({"Cf", "Cs", "Co", "Cn"})
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file; spaces before the first point do not count.
_RESERVED = re.compile(r"^(con|prn|aux|nul|clock\$|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)", re.IGNORECASE)
#: Endings that say how the file inside is packed: they belong to the ending before them.
_PACKED = frozenset({".gz", ".bz2", ".xz", ".zst", ".z", ".lz", ".lzma"})
_EXTENSION = re.compile(r"\.[A-Za-z0-9_]{1,10}")
#: More rounds than any text needs; each takes away or replaces what the last one has laid open.
_ROUNDS = 10


def safe_name(text: str, *, fallback: str = FALLBACK) -> str:
    """Make one path segment of any text: no separators, nothing hidden, reserved, invisible, or too long.

    What comes out does not change when it is put in again: what cutting lays open is cleaned as well.
    """
    for _ in range(_ROUNDS):
        cleaned = _cleaned(text, fallback)
        if cleaned == text:
            return cleaned
        text = cleaned
    return fallback


def _cleaned(text: str, fallback: str) -> str:
    text = unicodedata.normalize("NFC", clean_text(text)).replace("\ufffd", "_")
    text = _UNSAFE.sub("_", "".join(one for one in text if unicodedata.category(one) not in _INVISIBLE))
    text = re.sub(r"\s+", " ", text).strip(" .")
    # `..` and hidden files are gone by now; a name made of nothing but replaced characters says nothing.
    if not text.strip("_ ."):
        text = fallback
    if _RESERVED.match(text):
        text = f"_{text}"
    return _shortened(text)


def split_extension(name: str) -> tuple[str, str]:
    """Return stem and extension of a name; `.tar.gz` and the like are one extension."""
    stem, extension = _split_last(name)
    if extension.lower() in _PACKED:
        inner, before = _split_last(stem)
        if before and inner:
            return inner, before + extension
    return stem, extension


def _split_last(name: str) -> tuple[str, str]:
    stem, point, last = name.rpartition(".")
    return (stem, point + last) if stem and _EXTENSION.fullmatch(point + last) else (name, "")


def _key(name: str) -> str:
    """Return what is equal for names that one file system or another takes for the same (Unicode, section 3.13)."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name.casefold()).casefold())


class TakenNames:
    """The names that stand in one folder already; gives out others, different from all of them.

    Case and the spelling of characters (é as one character or two, ß as ss) make no difference.
    """

    def __init__(self, *reserved: str) -> None:
        """Start with names that nobody gets."""
        self._taken = {_key(name) for name in reserved}

    def claim(self, names: Sequence[str]) -> list[str]:
        """Make names safe and unique as a group, so that sidecar files keep a common stem.

        The first name is the main one. Two equal names within the group are told apart one by one.
        """
        safe = [safe_name(name) for name in names]
        stem = split_extension(safe[0])[0] if safe else ""
        number = 1
        while True:
            suffix = "" if number == 1 else f"_{number}"
            # Checked last: what a suffix makes of a name must be as safe as the name was.
            candidates = [safe_name(_suffixed(name, stem, suffix)) for name in safe]
            folded = {_key(name) for name in candidates}
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
    stem, extension = split_extension(name)
    room = MAX_NAME_BYTES - len(extension.encode()) - len(suffix.encode())
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(" .") or FALLBACK
    return f"{stem}{suffix}{extension}"
