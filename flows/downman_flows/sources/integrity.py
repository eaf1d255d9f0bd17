"""What a source says about the bytes that it sends, so that they can be proven complete."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx

from downman_flows.storage.hashing import Hashes

#: Names of digests in HTTP (RFC 9530, RFC 3230) and in hashlib. Weaker or unknown ones are left alone.
_ALGORITHMS: Mapping[str, str] = {"sha-256": "sha256", "sha-512": "sha512", "sha": "sha1", "md5": "md5"}
_SIZES = {"sha256": 32, "sha512": 64, "sha1": 20, "md5": 16}
_MD5_ETAG = re.compile(r'^"([0-9a-fA-F]{32})"$')


@dataclass(frozen=True, kw_only=True)
class Digest:
    """A checksum that the source gives for the whole representation, as it is sent."""

    header: str
    algorithm: str
    hex: str


def get_digests(response: httpx.Response) -> tuple[Digest, ...]:
    """Return the checksums in the answer's header. What cannot be read is no checksum, rather than a wrong one.

    Of a part (206), `Content-Digest` and `Content-MD5` are about the part only, and are left alone.
    """
    headers = response.headers
    whole = ("Repr-Digest", "Digest") if response.status_code == httpx.codes.PARTIAL_CONTENT else None
    found = [
        *(_digest("Repr-Digest", *pair) for pair in _structured(headers.get("Repr-Digest", ""))),
        *(_digest("Content-Digest", *pair) for pair in _structured(headers.get("Content-Digest", ""))),
        *(_digest("Digest", *pair) for pair in _listed(headers.get("Digest", ""))),
        _digest("Content-MD5", "md5", headers.get("Content-MD5", "")),
    ]
    return tuple(digest for digest in found if digest is not None and (whole is None or digest.header in whole))


def wrong_digest(digests: tuple[Digest, ...], hashes: Hashes) -> Digest | None:
    """Return the first checksum that the bytes do not have."""
    return next((digest for digest in digests if hashes.hex(digest.algorithm) != digest.hex), None)


def get_etag_md5(etag: str | None) -> str | None:
    """Return the MD5 that a strong ETag may be: S3 and its likes send it so.

    Many servers send other things that look the same: equality proves, inequality says nothing.
    """
    match = _MD5_ETAG.match(etag or "")
    return match.group(1).lower() if match else None


def get_content_length(headers: httpx.Headers) -> int | None:
    """Return the bytes that the answer announces for its body; None where it does not, or sends it in chunks."""
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        return None
    value = headers.get("Content-Length", "").strip()
    return int(value) if value.isascii() and value.isdecimal() else None


def get_media_type(headers: httpx.Headers) -> str:
    """Return the declared media type, in lower case and without its parameters; empty where none is declared."""
    return str(headers.get("Content-Type", "")).partition(";")[0].strip().lower()


@dataclass(frozen=True, kw_only=True)
class ContentRange:
    """Which part of the whole an answer holds."""

    #: None in the answer 416, which holds no part.
    first: int | None
    last: int | None
    #: None where the source does not know.
    total: int | None


_CONTENT_RANGE = re.compile(r"^bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)$", re.ASCII)


def get_content_range(headers: httpx.Headers) -> ContentRange | None:
    """Read `Content-Range`; None when it is not there or cannot be read."""
    match = _CONTENT_RANGE.match(headers.get("Content-Range", "").strip())
    if match is None:
        return None
    first, last, total = (int(text) if text and text != "*" else None for text in match.groups())
    return ContentRange(first=first, last=last, total=total)


def _structured(value: str) -> Iterator[tuple[str, str]]:
    """Read `sha-256=:BASE64:, …`, the form of RFC 9530."""
    for name, text in _listed(value):
        if len(text) > 1 and text[0] == text[-1] == ":":
            yield name, text[1:-1]


def _listed(value: str) -> Iterator[tuple[str, str]]:
    for item in value.split(","):
        name, separator, text = item.strip().partition("=")
        if separator:
            yield name.strip().lower(), text.strip()


def _digest(header: str, name: str, text: str) -> Digest | None:
    algorithm = _ALGORITHMS.get(name)
    if algorithm is None or not text:
        return None
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return Digest(header=header, algorithm=algorithm, hex=value.hex()) if len(value) == _SIZES[algorithm] else None
