"""The name that a fetched file has at its source."""

import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

import httpx

from downman.domain.naming import split_extension
from downman.domain.text import clean_text, decode_bytes
from downman_flows.content.formats import SCRIPTS, by_extension

FALLBACK = "download"
#: Those that RFC 8187 names. Python knows many more, of which some are no character sets and some raise anything.
_CHARSETS = frozenset({"utf-8", "iso-8859-1", "us-ascii"})
#: `; name=value`, the value perhaps in quotes (RFC 6266, 4.1); a quote that is not closed goes to the end.
_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))', re.DOTALL)
#: The piece of a value that is sent in pieces (RFC 2231, 3).
_PIECE = re.compile(r"filename\*(\d{1,2})\*?")
#: Values that are nobody's business, whatever they look like.
_SECRET = re.compile("token|key|sig|secret|pass|auth|session", re.IGNORECASE)
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[BbQq]\?[^?]*\?=")


def get_file_name(url: str, headers: httpx.Headers | None = None, final_url: str = "") -> str:
    """Return the name from `Content-Disposition` (RFC 6266), else the one that the catalogue's URL or the last one has.

    A name that has an extension is preferred: the path `/files/6294558` and that of a program, such as `download.php`,
    say nothing. It has no folders, but is not made safe otherwise.
    """
    disposed = _get_disposed_name(headers) if headers is not None else ""
    if disposed:
        return disposed
    names = [name for address in (url, final_url) for name in _get_names(address)]
    return next(filter(_says_what_it_is, names), next(iter(names), FALLBACK))


def _get_names(url: str) -> Iterator[str]:
    """Return what may be a file's name in a URL: the end of its path, and what ends like one in its query."""
    parts = urlsplit(url)
    if path := last_segment(decode_bytes(unquote_to_bytes(parts.path))):
        yield path
    for key, value in parse_qsl(parts.query, encoding="utf-8", errors="surrogateescape"):
        name = last_segment(clean_text(value))
        if not _SECRET.search(key) and by_extension(split_extension(name)[1]) is not None:
            yield name


def _says_what_it_is(name: str) -> bool:
    extension = split_extension(name)[1][1:].lower()
    return bool(extension) and extension not in SCRIPTS and not extension.isdecimal()


def _get_disposed_name(headers: httpx.Headers) -> str:
    """Read `filename*`, which has a character set, else `filename`; nothing of what cannot be read."""
    raw = next((value for name, value in headers.raw if name.lower() == b"content-disposition"), b"")
    parameters: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(f";{decode_bytes(raw)}"):
        value = re.sub(r'\\(["\\])', r"\1", quoted) if quoted else plain.strip().strip('"')
        parameters.setdefault(name.lower(), value)
    pieces = sorted((int(match[1]), name) for name in parameters if (match := _PIECE.fullmatch(name)))
    joined = "".join(parameters[name] for _, name in pieces)
    is_extended = bool(pieces) and pieces[0][1].endswith("*")
    extended = parameters.get("filename*", joined if is_extended else "")
    plain = parameters.get("filename", "" if is_extended else joined)
    return last_segment(_decode_extended(extended)) or last_segment(_decode_plain(plain))


def _decode_extended(value: str) -> str:
    """Read `UTF-8''%e2%82%ac` (RFC 8187, 3.2); nothing of what has another character set."""
    charset, quote, rest = value.partition("'")
    _language, second, text = rest.partition("'")
    if not (quote and second) or charset.strip().lower() not in _CHARSETS:
        return ""
    raw = unquote_to_bytes(text)
    return raw.decode("iso-8859-1") if charset.strip().lower() == "iso-8859-1" else decode_bytes(raw)


def _decode_plain(value: str) -> str:
    """Read what servers write in `filename`: as it is, percent-encoded, or as an encoded word of mails (RFC 2047)."""
    if _ENCODED_WORD.search(value):
        return _decode_words(value)
    return decode_bytes(unquote_to_bytes(value)) if re.search("%[0-9A-Fa-f]{2}", value) else value


def _decode_words(value: str) -> str:
    try:
        words = decode_header(value)
    except (HeaderParseError, ValueError):
        return ""
    if any(charset is not None and charset.lower() not in _CHARSETS for _, charset in words):
        return ""
    return "".join(_decode_word(word, charset) for word, charset in words)


def _decode_word(word: str | bytes, charset: str | None) -> str:
    if isinstance(word, str):
        return word
    return word.decode("iso-8859-1") if (charset or "").lower() == "iso-8859-1" else decode_bytes(word)


def last_segment(text: str) -> str:
    """Return what follows the last slash of either kind."""
    segment = text.replace("\\", "/").rsplit("/", maxsplit=1)[-1].strip()
    return "" if segment in {".", ".."} else segment
