"""Holding what came against what was promised."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from downman.domain.errors import SourceUnavailable
from downman.domain.naming import split_extension
from downman.domain.ports import StagedFile
from downman_flows.content.formats import (
    CERTAIN,
    CONTAINERS,
    SCRIPTS,
    Format,
    Kind,
    by_extension,
    by_media_type,
    by_name,
    by_type,
)
from downman_flows.content.recognition import Recognised, recognise

#: Texts that servers send in the place of data are shorter.
LONGEST_MESSAGE = 16 * 1024
_ERROR_WORDS = re.compile(
    r"error|exception|unavailable|maintenance|denied|forbidden|unauthori[sz]ed|not found|not allowed|log ?in|sign ?in"
    r"|expired|too many|quota|rate limit|try again|timed? ?out|failed|bad gateway|no such|invalid",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"""<input\b[^>]*type\s*=\s*["']?password""", re.IGNORECASE)


class WrongContent(SourceUnavailable):
    """What came is complete, but is not what was promised: of no use, also not to resume from."""


@dataclass(frozen=True)
class Promise:
    """What a resource is said to be."""

    #: As the catalogue, or else the URL, says; none where neither does.
    formats: tuple[Format, ...]
    #: A word of the catalogue, for sentences.
    name: str
    #: Whether the catalogue names a format, also one that is not known here.
    declared: bool
    #: Whether nothing says what it is: then a web page may be what is wanted.
    open: bool

    @property
    def types(self) -> frozenset[str]:
        """Return the types that keep the promise, without what they may be packed in."""
        return frozenset(kind for one in self.formats for kind in (one.type, *one.also))

    @property
    def is_binary(self) -> bool:
        """Return whether text cannot keep it."""
        return bool(self.formats) and all(
            one.kind in {Kind.BINARY, Kind.CONTAINER, Kind.OPAQUE} for one in self.formats
        )

    @property
    def is_markup(self) -> bool:
        """Return whether only XML, JSON or HTML can keep it."""
        return bool(self.formats) and all(one.kind is Kind.MARKUP and "text" not in one.also for one in self.formats)


def get_promise(formats: Sequence[str], url: str, name: str = "") -> Promise:
    """Return what the catalogue promises by its formats, or else by the extension of its URL or of the file's name."""
    if formats:
        known = tuple(found for found in map(by_name, formats) if found is not None)
        return Promise(known if len(known) == len(formats) else (), " / ".join(formats), declared=True, open=False)
    hints = [_get_hint(urlsplit(url).path), _get_hint(name)]
    if hints[0] == "" and _is_html(hints[1]):
        # It may be the name of a page that was redirected to.
        return Promise((), "", declared=False, open=True)
    if not _is_html(hints[0]):
        # A page of errors calls itself one.
        hints = [hint for hint in hints if not _is_html(hint)]
    found = dict.fromkeys(filter(None, map(by_extension, hints)))
    named = next(filter(None, reversed(hints)), "")
    return Promise(tuple(found), named, declared=False, open=not any(hints))


def _get_hint(path: str) -> str:
    """Return the extension of a path where it says what comes."""
    extension = split_extension(path.rpartition("/")[2])[1].lstrip(".").lower()
    return "" if extension in SCRIPTS or extension.isdecimal() else extension


def _is_html(extension: str) -> bool:
    found = by_extension(extension)
    return found is not None and found.type == "html"


def prove_content(file: StagedFile, promise: Promise) -> StagedFile:
    """Return the file with what was proven of its content, and a name that ends as what it is.

    Raises `WrongContent` when it is empty, an error document, or certainly something else than what was promised.
    """
    found = recognise(file.path)
    reason = _find_fault(file, promise, found)
    if reason:
        raise WrongContent(reason=reason)
    return replace(file, name=_complete_name(file, promise, found), content=_to_words(found))


def _find_fault(file: StagedFile, promise: Promise, found: Recognised) -> str:
    """Return why a file cannot be what was promised; nothing when it may."""
    wanted = f"where {promise.name} was promised" if promise.name else "where data was promised"
    if found.type == "empty":
        return f"it sent nothing {wanted}"
    if found.type == "error":
        return f"it sent an error document {wanted}"
    if found.type in promise.types and found.type != "text":
        return ""
    if found.type == "html":
        is_login = _PASSWORD.search(found.text) is not None and file.final_url
        return "" if promise.open and not is_login else f"it sent a web page {wanted}"
    other = _find_other_kind(file, promise, found)
    return f"it sent {other} {wanted}" if other else ""


def _find_other_kind(file: StagedFile, promise: Promise, found: Recognised) -> str:
    """Return what a file is that cannot be of the formats that were promised; nothing where it may be."""
    if found.type == "fragment" and (promise.is_binary or promise.is_markup):
        return "a web page"
    is_other_markup = found.type in {"xml", "json"} and (promise.is_binary or promise.is_markup)
    if promise.formats and (found.type in CERTAIN or is_other_markup):
        return f"{'an' if found.type[0] in 'aeox' else 'a'} {found.type.upper()} file"
    return "a message" if found.text and _is_message(file, promise, found) else ""


def _is_message(file: StagedFile, promise: Promise, found: Recognised) -> bool:
    """Return whether a text is what a server says, rather than data."""
    if not promise.formats or file.size > LONGEST_MESSAGE:
        return False
    speaks = _ERROR_WORDS.search(found.text) is not None
    if promise.is_binary or promise.is_markup:
        return promise.declared or file.media_type.startswith("text/") or speaks
    # A table has columns; `.txt` may be any text.
    is_plain = any(one.extensions[0] == "txt" for one in promise.formats)
    return speaks and not is_plain and not re.search(r"[,;\t|]|\d\s+\d", found.text)


def _to_words(found: Recognised) -> str:
    """Return what the bytes prove, as `StagedFile.content` has it."""
    if found.type in CERTAIN | CONTAINERS:
        return f"signature:{found.type}"
    return f"text:{found.type}" if found.text else "not-recognised"


def _complete_name(file: StagedFile, promise: Promise, found: Recognised) -> str:
    """Give a name the extension of what it is, where it has none, or only that of a server's program."""
    stem, extension = split_extension(file.name)
    is_script = extension.lstrip(".").lower() in SCRIPTS
    if extension and not is_script and not extension[1:].isdecimal():
        return file.name
    ending = _extension(file, promise, found)
    if not ending:
        return stem if is_script else file.name
    return f"{stem if is_script else file.name}.{ending}"


def _extension(file: StagedFile, promise: Promise, found: Recognised) -> str:
    """Return the extension of what was found: as the source or the catalogue calls it where these agree with it."""
    declared = by_media_type(file.media_type)
    called = [one for one in (declared, *promise.formats) if one is not None and one.extensions]
    exact = next((one for one in called if one.type == found.type), None)
    if exact is None and found.type in CERTAIN | CONTAINERS | {"xml", "json", "html", "dxf"}:
        exact = by_type(found.type)
    if exact is None and (found.type in {"", "text"}):
        exact = next((one for one in called if one.kind is not Kind.BINARY or not found.text), None)
    if exact is not None:
        return exact.extensions[0]
    return "txt" if found.type == "text" else ""
