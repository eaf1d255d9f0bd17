"""One attempt to fetch one body over HTTP: it resumes an interrupted one, and ends only with a proof."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import httpx

from downman.domain.errors import SourceTooLarge
from downman.domain.ports import Progress
from downman_flows.sources.body import Body
from downman_flows.sources.encodings import decoder_for
from downman_flows.sources.file_names import get_file_name
from downman_flows.sources.http_client import GuardedClient, Trace, get_final_url
from downman_flows.sources.http_errors import interrupted, parse_date, to_error, to_status_error
from downman_flows.sources.integrity import (
    get_content_length,
    get_content_range,
    get_digests,
    get_etag_md5,
    get_media_type,
    wrong_digest,
)
from downman_flows.sources.partial import Partial, ResumeInfo
from downman_flows.storage.disk import full_disk_is_no_space
from downman_flows.storage.hashing import Hashes

#: No proof at all: an interrupted connection may look the same.
CONNECTION_CLOSE = "connection-close"


class DigestMismatch(Exception):
    """The body is complete, but is not what its checksum says."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A complete body."""

    name: str
    hashes: Hashes
    proof: str
    modified_at: datetime | None
    #: As in `StagedFile`.
    media_type: str
    final_url: str


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """One attempt."""

    client: GuardedClient
    url: str
    partial: Partial
    #: Bytes above which it is stopped.
    max_bytes: int
    progress: Progress
    trace: Trace

    def receive(self) -> Received:
        """Fetch the body, or what is missing of it; raises a `DownmanError` or `DigestMismatch`."""
        resume_info = self.partial.load_resume_info()
        headers = {}
        if resume_info is not None:
            headers = {"Range": f"bytes={self.partial.path.stat().st_size}-", "If-Range": resume_info.validator}
        with self.client.open("GET", self.url, headers, trace=self.trace) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and resume_info is not None:
                self.partial.discard()
                raise interrupted("it changed meanwhile", received=0, expected=None)
            failure = to_status_error(response)
            if failure is not None:
                raise failure
            if response.status_code == HTTPStatus.PARTIAL_CONTENT:
                self._check_part(response, resume_info)
            else:
                self.partial.discard()
                resume_info = None
            return self._receive_body(response, resume_info)

    def _check_part(self, response: httpx.Response, resume_info: ResumeInfo | None) -> None:
        """Make sure that the part is the one that was asked for; else the next attempt starts anew."""
        part = get_content_range(response.headers)
        fits = (
            resume_info is not None
            and part is not None
            and part.first == self.partial.path.stat().st_size
            and part.last == resume_info.total - 1
            and part.total in {None, resume_info.total}
            # A source may send the rest of another version, against the condition that it was asked under.
            and _still_has(response.headers, resume_info.validator)
            and not response.headers.get("Content-Encoding")
        )
        if not fits:
            self.partial.discard()
            raise interrupted("it sent another part than was asked for", received=0, expected=None)

    def _receive_body(self, response: httpx.Response, resume_info: ResumeInfo | None) -> Received:
        name = get_file_name(self.url, response.headers)
        decoder = decoder_for(response.headers.get("Content-Encoding", ""), name)
        total = resume_info.total if resume_info is not None else get_content_length(response.headers)
        if total is not None and total > self.max_bytes:
            raise SourceTooLarge(limit=self.max_bytes)
        digests = get_digests(response)
        etag_md5 = get_etag_md5(response.headers.get("ETag"))
        algorithms = [digest.algorithm for digest in digests] + (["md5"] if etag_md5 else [])
        with full_disk_is_no_space():
            if resume_info is None and decoder is None:
                self._save_resume_info(response, total)
            body = Body(self.partial.path, decoder=decoder, algorithms=algorithms, max_bytes=self.max_bytes)
            try:
                for done, of in body.write(response.iter_raw(), total=total):
                    self.progress(done, of)
            except (httpx.HTTPError, httpx.StreamError) as exc:
                # httpx raises when a body ends before its announced length or its last chunk.
                raise to_error(exc, received=body.kept.size, expected=total) from exc
        if wrong_digest(digests, body.sent) is not None:
            raise DigestMismatch
        proofs = [digest.header.lower() for digest in digests]
        if etag_md5 is not None and body.sent.hex("md5") == etag_md5:
            proofs.append("etag-md5")
        return Received(
            name=name,
            hashes=body.kept,
            proof=proofs[0] if proofs else _proof_by_framing(response, total, encoded=decoder is not None),
            modified_at=parse_date(response.headers.get("Last-Modified")),
            media_type=get_media_type(response.headers),
            final_url=get_final_url(response),
        )

    def _save_resume_info(self, response: httpx.Response, total: int | None) -> None:
        validator = _validator(response.headers)
        if validator and total and response.headers.get("Accept-Ranges", "").lower() == "bytes":
            self.partial.save_resume_info(validator=validator, total=total)


def _validator(headers: httpx.Headers) -> str:
    """Return what makes a later `If-Range` safe: a strong ETag, else the date of the last change (RFC 9110, 13.1.5)."""
    etag = str(headers.get("ETag", "")).strip()
    if etag.startswith('"'):
        return etag
    changed, sent = parse_date(headers.get("Last-Modified")), parse_date(headers.get("Date"))
    # Behind a weak ETag the bytes may differ, whatever the date says; and within one second (RFC 9110, 8.8.2.2).
    if etag or changed is None or sent is None or sent - changed < timedelta(seconds=1):
        return ""
    return str(headers["Last-Modified"]).strip()


def _still_has(headers: httpx.Headers, validator: str) -> bool:
    """Return whether an answer is about the version that `validator` stands for, as far as it says."""
    said = str(headers.get("ETag" if validator.startswith('"') else "Last-Modified", "")).strip()
    return said in {"", validator}


def _proof_by_framing(response: httpx.Response, total: int | None, *, encoded: bool) -> str:
    """Say what marked the end of the body; of `connection-close` the caller must make sure itself."""
    if total is not None:
        return "content-length"
    if "chunked" in response.headers.get("Transfer-Encoding", "").lower():
        return "chunked"
    # Encoded data has an end, and a checksum, of its own.
    return "encoding" if encoded else CONNECTION_CLOSE
