"""Sends a file so that a broken download can be resumed: ranges and validators of RFC 9110, sections 13 and 14.

django-sendfile2 hands files to nginx or Apache, which do this by themselves; for a site without one of them in front,
it has no backend that does, and it overwrites the length that such a backend would set (docs/decisions).
"""

import os
import re
from http import HTTPStatus
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, parse_http_date_safe

from downman.streaming import StreamedFile

#: How a web server in front is told which file to send; the ranges are its work then.
_HANDED_OVER = ("X-Accel-Redirect", "X-Sendfile")
_ONE_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)", re.IGNORECASE)
#: Digits of a position; more are past the end of every file, and Python refuses to convert thousands of them.
_MOST_DIGITS = 18


class _Part:
    """A piece of an open file, for Django's FileResponse; WSGI servers send it with the kernel's `sendfile`."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        file.seek(start)
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """Read on, not past the piece."""
        chunk = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(chunk)
        return chunk

    def fileno(self) -> int:
        """Let the server send it; the file stands at the piece's start, and Content-Length says how much."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def send_file(
    request: HttpRequest, file: BinaryIO, *, content_type: str = "application/octet-stream"
) -> HttpResponseBase:
    """Answer a GET or HEAD with the open file, the asked-for part of it, or word that the caller has it already.

    The file is closed when it is sent.
    """
    stat = os.fstat(file.fileno())
    modified = int(stat.st_mtime)
    etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    headers = {"ETag": etag, "Last-Modified": http_date(modified), "Accept-Ranges": "bytes"}
    settled = get_conditional_response(request, etag=etag, last_modified=modified)
    if settled is not None:
        file.close()
        return settled
    status, start, size = HTTPStatus.OK, 0, stat.st_size
    asked = _parse_range(request, stat.st_size) if _still_same(request, etag=etag, modified=modified) else None
    if asked is not None:
        start, size = asked
        if not size:
            file.close()
            headers["Content-Range"] = f"bytes */{stat.st_size}"
            return HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {start}-{start + size - 1}/{stat.st_size}"
    headers["Content-Length"] = str(size)
    if request.method == "HEAD":
        file.close()
        return HttpResponse(status=status, headers=headers, content_type=content_type)
    return StreamedFile(_Part(file, start, size), status=status, headers=headers, content_type=content_type)


def starts_a_download(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Return whether this answer is the start of a file: not a look at it, and not the rest of a download."""
    if request.method != "GET":
        return False
    if any(response.has_header(name) for name in _HANDED_OVER):
        return _asks_for_the_start(request)
    if response.status_code == HTTPStatus.OK:
        return True
    return response.status_code == HTTPStatus.PARTIAL_CONTENT and response["Content-Range"].startswith("bytes 0-")


def _asks_for_the_start(request: HttpRequest) -> bool:
    match = _ONE_RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    return match is None or (bool(match[1]) and _position(match[1]) == 0)


def _parse_range(request: HttpRequest, size: int) -> tuple[int, int] | None:
    """Return start and size of the one range asked for; size 0: there are no such bytes; None: send the whole."""
    match = _ONE_RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        length = min(_position(last), size)
        return size - length, length
    start = _position(first)
    end = min(_position(last), size - 1) if last else size - 1
    if last and _position(last) < start:
        return None
    return start, max(0, end - start + 1)


def _position(digits: str) -> int:
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


def _still_same(request: HttpRequest, *, etag: str, modified: int) -> bool:
    """Return whether `If-Range`, where it is sent, names what lies here."""
    condition = request.headers.get("If-Range")
    return not condition or condition == etag or parse_http_date_safe(condition) == modified
