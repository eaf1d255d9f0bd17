"""Which version of its data a source sends: parts are put together only where they are provably of the same one."""

from datetime import timedelta

import httpx

from downman_flows.sources.http_client import get_final_url
from downman_flows.sources.http_errors import parse_date
from downman_flows.sources.integrity import get_content_length, get_content_range, get_media_type
from downman_flows.sources.partial import ResumeInfo, Version


def get_version(response: httpx.Response) -> Version:
    """Return what an answer says about the version that it holds."""
    headers = response.headers
    return Version(
        etag=_get(headers, "ETag"),
        last_modified=_get(headers, "Last-Modified"),
        media_type=get_media_type(headers),
        encoding=_get(headers, "Content-Encoding").lower(),
        place=str(httpx.URL(get_final_url(response)).copy_with(query=None, fragment=None)),
    )


def get_validator(headers: httpx.Headers) -> str:
    """Return what makes a later `If-Range` safe: a strong ETag, else a strong date (RFC 9110, 13.1.5 and 8.8.2.2)."""
    etag = _get(headers, "ETag")
    if etag.startswith('"'):
        return etag
    changed, sent = parse_date(headers.get("Last-Modified")), parse_date(headers.get("Date"))
    # Behind a weak ETag the bytes may differ, whatever the date says; and within one second.
    if etag or changed is None or sent is None or sent - changed < timedelta(seconds=1):
        return ""
    return _get(headers, "Last-Modified")


def can_resume(headers: httpx.Headers, validator: str) -> bool:
    """Return whether to ask for a range later. A strong ETag suffices; a date, only where ranges are offered.

    RFC 9110, 14.3: who does not send `Accept-Ranges` may know ranges all the same.
    """
    offered = _get(headers, "Accept-Ranges").lower()
    return bool(validator) and (offered == "bytes" or (validator.startswith('"') and offered != "none"))


def is_rest(response: httpx.Response, info: ResumeInfo, start: int) -> bool:
    """Return whether a 206 holds the bytes from `start` to the end, of the very version whose beginning is there.

    RFC 9110, 15.3.7.3: parts may be combined if they share the same strong validator. What a source says beside it
    must not contradict it: tags are made by people, too.
    """
    part = get_content_range(response.headers)
    length = get_content_length(response.headers)
    return (
        part is not None
        and (part.first, part.last) == (start, info.total - 1)
        and part.total in {None, info.total}
        and length in {None, info.total - start}
        and _is_same_version(response, info)
    )


def is_whole(response: httpx.Response) -> bool:
    """Return whether a 206 holds all there is, although nobody may have asked for a part."""
    part = get_content_range(response.headers)
    return part is not None and part.total is not None and (part.first, part.last) == (0, part.total - 1)


def _is_same_version(response: httpx.Response, info: ResumeInfo) -> bool:
    first, now = info.version, get_version(response)
    return (
        # By a date: it must be strong again, by this answer's own date, with no tag where there was none.
        (get_validator(response.headers) if info.by_date else now.etag) == info.validator
        and (now.place, now.encoding) == (first.place, first.encoding)
        and now.last_modified in {"", first.last_modified}
        and now.media_type in {"", first.media_type}
    )


def _get(headers: httpx.Headers, name: str) -> str:
    return str(headers.get(name, "")).strip()
