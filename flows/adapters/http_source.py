"""Files behind http and https addresses."""

import ssl
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from django_integration.domain.errors import SourceCorrupt, TemporaryError
from django_integration.domain.ports import Availability, Progress, StagedFile, Wanted
from flows.adapters.addresses import Network
from flows.adapters.fetch_limits import FetchLimits
from flows.adapters.file_names import name_of
from flows.adapters.http_client import GuardedClient
from flows.adapters.http_errors import broke, error_of_status
from flows.adapters.partial import Partial
from flows.adapters.proofs import content_length_of
from flows.adapters.retrying import with_retries
from flows.adapters.transfer import CONNECTION_CLOSE, DigestMismatch, Received, Transfer
from flows.adapters.watching import Watch

#: Answers to HEAD that only say that the source does not know HEAD.
_NO_HEAD = frozenset({403, 405, 501})


class HttpSource:
    """Fetches one file, resuming and trying again within the run; safe to use from several threads."""

    def __init__(
        self,
        *,
        limits: FetchLimits,
        allowed_networks: Sequence[Network] = (),
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Allow public addresses and those of `allowed_networks`; verify TLS by `ssl_context`, or the public roots."""
        self._limits = limits
        self._client = GuardedClient(limits=limits, allowed_networks=allowed_networks, ssl_context=ssl_context)

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    def fetch(self, wanted: Wanted, folder: Path, progress: Progress) -> Sequence[StagedFile]:
        """Fetch the file into `folder`, going on with what an earlier try left there; raises a `DownmanError`."""
        partial = Partial(folder, wanted.url)
        try:
            received = self._received(wanted.url, partial, progress)
        except TemporaryError:
            # A later run goes on with what can be gone on with; the rest is of no use to anybody.
            partial.resumable()
            raise
        except BaseException:
            partial.discard()
            raise
        return [
            StagedFile(
                path=partial.path,
                name=received.name,
                size=received.hashes.size,
                sha256=received.hashes.hex(),
                crc32=received.hashes.crc32,
                proof=received.proof,
                modified_at=received.modified_at,
            )
        ]

    def inspect(self, wanted: Wanted) -> Sequence[Availability]:
        """Ask for name and size with HEAD, or, where that is not known, with a GET whose body is not read."""

        def look() -> Availability:
            for method in ("HEAD", "GET"):
                with self._client.open(method, wanted.url) as response:
                    if method == "HEAD" and response.status_code in _NO_HEAD:
                        continue
                    failure = error_of_status(response)
                    if failure is not None:
                        raise failure
                    size = None if response.headers.get("Content-Encoding") else content_length_of(response.headers)
                    return Availability(name=name_of(wanted.url, response.headers), url=wanted.url, size=size)
            raise AssertionError("GET was asked last")

        return [with_retries(look, limits=self._limits)]

    def _received(self, url: str, partial: Partial, progress: Progress) -> Received:
        latest: list[tuple[int, int | None]] = [(0, None)]

        def note(bytes_done: int, bytes_total: int | None) -> None:
            latest[0] = (bytes_done, bytes_total)
            progress(bytes_done, bytes_total)

        def check() -> None:
            progress(*latest[0])

        deadline = time.monotonic() + self._limits.total_seconds
        mismatches = 0
        unproven = ""

        def one_try() -> Received:
            nonlocal mismatches, unproven
            with Watch(check, deadline=deadline) as watch:
                transfer = Transfer(
                    client=self._client,
                    url=url,
                    partial=partial,
                    max_bytes=self._limits.max_bytes,
                    progress=note,
                    trace=watch.trace,
                )
                try:
                    received = transfer.receive()
                except DigestMismatch as exc:
                    partial.discard()
                    mismatches += 1
                    if mismatches > 1:
                        raise SourceCorrupt(reason="twice") from exc
                    raise TemporaryError from exc
            if received.proof != CONNECTION_CLOSE:
                return received
            # Only a second reading tells such a body from one that broke off.
            digest = received.hashes.hex()
            if unproven == digest:
                return replace(received, proof="read-twice")
            unproven = digest
            partial.discard()
            raise broke("it does not say how much it sends", received=received.hashes.size, expected=None)

        return with_retries(one_try, limits=self._limits, check=check)
