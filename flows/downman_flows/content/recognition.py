"""Telling what a file is from its first bytes."""

import codecs
import contextlib
import json
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from downman_flows.content.formats import SIGNATURES

#: Bytes that are looked at; pages of errors are shorter, and formats say who they are before.
HEAD_BYTES = 64 * 1024
#: No JSON that says only what went wrong is longer.
LONGEST_JSON_ERROR = 64 * 1024

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: White space, comments, processing instructions and document types before the first element.
_PROLOG = re.compile(
    r"(?:\s|\ufeff|<!--.*?-->|<\?.*?\?>|<!DOCTYPE\s+(?!html\b)[^>\[]*(?:\[.*?\]\s*)?>)*", re.DOTALL | re.IGNORECASE
)
_HTML = re.compile(r"<(?:!doctype\s+html\b|(?:html|head|body|title|script)\b[^<]*>)", re.IGNORECASE)
#: What servers send as errors without a head; data does not begin so either, but a table might.
_HTML_FRAGMENT = re.compile(
    r"<(?:meta|link|style|h[1-6]|p|div|span|center|pre|br|hr|b|font|form|table|ul|a|noscript|iframe|img)\b[^<]*>",
    re.IGNORECASE,
)
_ELEMENT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)[\s/>]")
#: WMS, WFS and WCS 1.0 to 1.3; OWS 1.0 to 2.0; SOAP; S3 and Azure; IIS; problem details (RFC 9457).
_EXCEPTION_ROOTS = frozenset(
    {"serviceexceptionreport", "exceptionreport", "serviceexception", "exception", "error", "errors", "fault"}
    | {"wmtexception", "problem", "errorresponse", "configurationerror"}
)
_ERROR_KEYS = frozenset({"error", "errors", "exception", "exceptions", "errormessage", "error_message", "errorcode"})
_BESIDE_ERRORS = _ERROR_KEYS | frozenset(
    {"message", "messages", "status", "statuscode", "code", "detail", "details", "title", "type", "timestamp", "path"}
    | {"trace", "success", "ok", "result", "requestid", "request_id", "error_description", "description", "instance"}
    | {"reason", "locator", "version", "help", "data", "traceid", "error_code", "cause", "msg", "documentation_url"}
)
_DXF = re.compile(r"\s*(?:0\s*\r?\n\s*SECTION|999)\s*\r?\n")
#: Control characters that no text holds.
_NO_TEXT = re.compile(r"[\x00-\x06\x0e-\x1a\x1c\x1d\x1f\ufffd]")


@dataclass(frozen=True)
class Recognised:
    """What a file is."""

    #: A type of `formats`, or `empty`, `error` (a document that says what went wrong), or nothing where it is unknown.
    type: str
    #: Its beginning, where it is text.
    text: str = ""


def recognise(path: Path) -> Recognised:
    """Tell what lies in a file."""
    with path.open("rb", buffering=0) as file:
        head = file.read(HEAD_BYTES)
    found = recognise_head(head, is_whole=len(head) < HEAD_BYTES)
    return Recognised(_zip_type(path)) if found.type == "zip" else found


def recognise_head(head: bytes, *, is_whole: bool) -> Recognised:
    """Tell what begins so; `is_whole`: nothing comes after it."""
    if not head.strip(b" \t\r\n\xef\xbb\xbf"):
        return Recognised("empty" if is_whole else "")
    for kind, offset, magic in SIGNATURES:
        if head.startswith(magic, offset) and (kind != "webp" or head.startswith(b"RIFF")):
            return _packed(head) if kind == "gzip" else Recognised(kind)
    text = _as_text(head)
    return Recognised("") if text is None else Recognised(_text_type(text, is_whole=is_whole), text)


def _packed(head: bytes) -> Recognised:
    """Look into a gzip: an error page that a server has packed is an error page."""
    inner = b""
    with contextlib.suppress(zlib.error):
        inner = zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
    found = recognise_head(inner, is_whole=len(inner) < HEAD_BYTES) if inner else Recognised("gzip")
    return found if found.type in {"html", "error"} else Recognised("gzip")


def _zip_type(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if names[:1] == ["mimetype"]:
                declared = archive.open("mimetype").read(100)
                return "ods" if b"spreadsheet" in declared else "odt" if b"opendocument.text" in declared else "zip"
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, zlib.error):
        return "zip"
    if "[Content_Types].xml" in names:
        folders = {name.partition("/")[0] for name in names}
        return next((kind for folder, kind in _OFFICE_FOLDERS.items() if folder in folders), "ooxml")
    return "zip"


_OFFICE_FOLDERS = {"xl": "xlsx", "word": "docx", "ppt": "pptx"}


def _as_text(head: bytes) -> str | None:
    """Return the text that the bytes are, in UTF-8, UTF-16, UTF-32 or ISO-8859-1; None for what is no text."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return _decoded(head[len(mark) :], encoding)
    if head[:2] in {b"<\0", b"\0<"}:
        return _decoded(head, "utf-16-le" if head[:1] == b"<" else "utf-16-be")
    # Whatever else has a byte for each character, or more, is read as this well enough.
    return _decoded(head, "utf-8") or _decoded(head, "iso-8859-1")


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None
    return None if _NO_TEXT.search(text) else text


def _text_type(text: str, *, is_whole: bool) -> str:
    start = _PROLOG.match(text)
    rest = text[start.end() :] if start else text
    if rest.startswith("<") and (kind := _markup_type(rest, has_prolog="<?xml" in text[: len(text) - len(rest)])):
        return kind
    if rest[:1] in {"{", "["}:
        return "error" if is_whole and _is_json_error(rest) else "json"
    if rest.startswith("\x1e"):
        return "geojsonseq"
    return "dxf" if _DXF.match(text) else "text"


def _markup_type(text: str, *, has_prolog: bool) -> str:
    """Tell what begins with a `<`; nothing where it is neither HTML nor XML."""
    if _HTML.match(text):
        return "html"
    element = _ELEMENT.match(text)
    if element and (element[1].lower() in _EXCEPTION_ROOTS or _is_soap_fault(element[1], text)):
        return "error"
    if has_prolog or (element and "xmlns" in text[: text.find(">") + 1]):
        return "xml"
    if _HTML_FRAGMENT.match(text):
        return "fragment"
    is_closed = element and re.search(rf"</(?:[\w.-]+:)?{re.escape(element[1])}\s*>\s*$", text)
    return "xml" if is_closed else ""


def _is_soap_fault(root: str, text: str) -> bool:
    return root == "Envelope" and bool(re.search(r"<(?:[\w.-]+:)?(?:Fault|ExceptionReport)[\s>]", text))


def _is_json_error(text: str) -> bool:
    if len(text) > LONGEST_JSON_ERROR:
        return False
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(document, dict) or not document:
        return False
    filled = {key.lower() for key, value in document.items() if value not in (None, False, [], {}, "")}
    keys = {key.lower() for key in document}
    if filled & _ERROR_KEYS:
        return keys <= _BESIDE_ERRORS
    # RFC 9457, and what OGC API Features calls an exception.
    return (
        keys <= _BESIDE_ERRORS
        and bool(keys & {"detail", "description", "message", "title"})
        and bool(keys & {"status", "code", "statuscode"})
    )
