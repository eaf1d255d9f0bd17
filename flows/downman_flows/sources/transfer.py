"""One attempt to fetch one body over HTTP: it resumes an interrupted one, and ends only with a proof."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import httpx

from downman.domain.errors import SourceTooLarge
from downman.domain.ports import Progress
from downman_flows.sources.body import Body
from downman_flows.sources.encodings import Chain, Decoder, decoder_for
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
from downman_flows.sources.versions import can_resume, get_validator, get_version, is_rest, is_whole
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
    #: Those of this fetch; no other one sees them.
    cookies: httpx.Cookies

    def receive(self) -> Received:
        """Fetch the body, or what is missing of it; raises a `DownmanError` or `DigestMismatch`."""
        resume_info = self.partial.load_resume_info()
        headers = {}
        if resume_info is not None:
            headers = {"Range": f"bytes={self.partial.size()}-", "If-Range": resume_info.validator}
        with self.client.open("GET", self.url, headers, trace=self.trace, cookies=self.cookies) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and resume_info is not None:
                self.partial.discard()
                raise interrupted("it changed meanwhile", received=0, expected=None)
            failure = to_status_error(response)
            if failure is not None:
                raise failure
            if resume_info is not None and not self._goes_on(response, resume_info):
                resume_info = None
            elif response.status_code == HTTPStatus.PARTIAL_CONTENT and resume_info is None:
                self._check_is_whole(response)
            return self._receive_body(response, resume_info)

    def _goes_on(self, response: httpx.Response, resume_info: ResumeInfo) -> bool:
        """Return whether the answer holds the rest of what is there; False, and nothing is left of it, for a whole."""
        is_part = response.status_code == HTTPStatus.PARTIAL_CONTENT
        if is_part and is_rest(response, resume_info, self.partial.size()):
            return True
        self.partial.discard()
        if is_part:
            self._check_is_whole(response)
        return False

    def _check_is_whole(self, response: httpx.Response) -> None:
        """Make sure that a 206 holds all there is; else the next attempt starts anew."""
        if not is_whole(response):
            raise interrupted("it sent another part than was asked for", received=0, expected=None)

    def _receive_body(self, response: httpx.Response, resume_info: ResumeInfo | None) -> Received:
        name = get_file_name(self.url, response.headers, get_final_url(response))
        media_type = get_media_type(response.headers)
        decoder = decoder_for(response.headers.get("Content-Encoding", ""), name, media_type)
        total = resume_info.total if resume_info is not None else _get_total(response)
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
            proof=proofs[0] if proofs else _proof_by_framing(response, total, decoder),
            modified_at=parse_date(response.headers.get("Last-Modified")),
            media_type=media_type,
            final_url=get_final_url(response),
        )

    def _save_resume_info(self, response: httpx.Response, total: int | None) -> None:
        validator = get_validator(response.headers)
        if total and can_resume(response.headers, validator):
            self.partial.save_resume_info(validator=validator, total=total, version=get_version(response))


def _get_total(response: httpx.Response) -> int | None:
    """Return the bytes that an answer with all there is announces; None where it does not."""
    part = get_content_range(response.headers)
    if response.status_code == HTTPStatus.PARTIAL_CONTENT and part is not None:
        return part.total
    return get_content_length(response.headers)


def _proof_by_framing(response: httpx.Response, total: int | None, decoder: Decoder | Chain | None) -> str:
    """Say what marked the end of the body; of `connection-close` the caller must make sure itself."""
    if decoder is not None and decoder.has_trailing_garbage:
        # Whether that is padding, or what is left of more data, nobody knows.
        return CONNECTION_CLOSE
    if total is not None:
        return "content-length"
    if "chunked" in response.headers.get("Transfer-Encoding", "").lower():
        return "chunked"
    # Encoded data has an end, and a checksum, of its own.
    return "encoding" if decoder is not None else CONNECTION_CLOSE
