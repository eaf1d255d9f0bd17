"""The name that a fetched file has at its source."""

from email.message import Message
from urllib.parse import unquote, urlsplit

import httpx

FALLBACK = "download"


def get_file_name(url: str, headers: httpx.Headers | None = None) -> str:
    """Return the name from `Content-Disposition` (RFC 6266), else the last segment of the URL.

    It has no folders, but is not made safe otherwise. The URL is the catalogue's, not one that was redirected to:
    those are often meaningless.
    """
    disposed = _last_segment(_disposition_name(headers.get("Content-Disposition", ""))) if headers is not None else ""
    return disposed or _last_segment(unquote(urlsplit(url).path)) or FALLBACK


def _disposition_name(value: str) -> str:
    """Read `filename*` and `filename`; the first, which has a character set, is preferred."""
    message = Message()
    message["Content-Disposition"] = value
    plain = ""
    for name, parameter in message.get_params(failobj=[], header="Content-Disposition") or ():
        if name.lower() != "filename":
            continue
        # The standard library gives a triple for `filename*`: character set, language, undecoded text.
        if isinstance(parameter, tuple):
            return _decoded(*parameter)
        plain = plain or parameter.strip('"')
    return plain


def _decoded(charset: str | None, _language: str | None, text: str) -> str:
    try:
        return text.encode("latin-1", "replace").decode(charset or "utf-8", "replace")
    except LookupError:
        return text


def _last_segment(text: str) -> str:
    segment = text.replace("\\", "/").rsplit("/", maxsplit=1)[-1].strip()
    return "" if segment in {".", ".."} else segment
