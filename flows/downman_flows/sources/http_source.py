"""Files behind http and https addresses."""

import ssl
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from downman.domain.errors import SourceCorrupt, TemporaryError
from downman.domain.ports import FetchRequest, Progress, RemoteFile, StagedFile
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.file_names import name_of
from downman_flows.sources.http_client import GuardedClient
from downman_flows.sources.http_errors import broke, to_status_error
from downman_flows.sources.integrity import get_content_length
from downman_flows.sources.minimum_rate import MinimumRate
from downman_flows.sources.network_addresses import Network
from downman_flows.sources.partial import Partial
from downman_flows.sources.retrying import with_retries
from downman_flows.sources.transfer import CONNECTION_CLOSE, DigestMismatch, Received, Transfer
from downman_flows.sources.transfer_watchdog import TransferWatchdog

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

    def fetch(self, wanted: FetchRequest, folder: Path, progress: Progress) -> Sequence[StagedFile]:
        """Fetch the file into `folder`, going on with what an earlier try left there; raises a `DownmanError`."""
        partial = Partial(folder, wanted.url)
        try:
            received = _Fetch(self._client, wanted.url, partial, limits=self._limits, progress=progress).receive()
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

    def inspect(self, wanted: FetchRequest) -> Sequence[RemoteFile]:
        """Ask for name and size with HEAD, or, where that is not known, with a GET whose body is not read."""

        def look() -> RemoteFile:
            for method in ("HEAD", "GET"):
                with self._client.open(method, wanted.url) as response:
                    if method == "HEAD" and response.status_code in _NO_HEAD:
                        continue
                    failure = to_status_error(response)
                    if failure is not None:
                        raise failure
                    size = None if response.headers.get("Content-Encoding") else get_content_length(response.headers)
                    return RemoteFile(name=name_of(wanted.url, response.headers), url=wanted.url, size=size)
            raise AssertionError("GET was asked last")

        return [with_retries(look, limits=self._limits)]


class _Fetch:
    """All tries of one fetch within one run."""

    def __init__(
        self, client: GuardedClient, url: str, partial: Partial, *, limits: FetchLimits, progress: Progress
    ) -> None:
        self._client = client
        self._url = url
        self._partial = partial
        self._limits = limits
        self._progress = progress
        self._so_far: tuple[int, int | None] = (0, None)
        self._speed = MinimumRate(limits, now=time.monotonic())
        self._deadline = time.monotonic() + limits.total_seconds
        self._mismatched = False
        #: SHA-256 of a body that said nothing of its length.
        self._unproven = ""

    def receive(self) -> Received:
        """Try until it comes whole; raises a `DownmanError`."""
        return with_retries(self._try, limits=self._limits, check=self._check)

    def _try(self) -> Received:
        self._speed = MinimumRate(self._limits, now=time.monotonic())
        with TransferWatchdog(self._check_transfer, deadline=self._deadline) as watch:
            transfer = Transfer(
                client=self._client,
                url=self._url,
                partial=self._partial,
                max_bytes=self._limits.max_bytes,
                progress=self._note,
                trace=watch.trace,
            )
            try:
                received = transfer.receive()
            except DigestMismatch as exc:
                self._partial.discard()
                if self._mismatched:
                    raise SourceCorrupt(reason="twice") from exc
                self._mismatched = True
                raise TemporaryError from exc
        return received if received.proof != CONNECTION_CLOSE else self._read_twice(received)

    def _read_twice(self, received: Received) -> Received:
        """Tell a body without any length from one that broke off: only the whole one is the same twice."""
        digest = received.hashes.hex()
        if self._unproven == digest:
            return replace(received, proof="read-twice")
        self._unproven = digest
        self._partial.discard()
        raise broke("it does not say how much it sends", received=received.hashes.size, expected=None)

    def _note(self, bytes_done: int, bytes_total: int | None) -> None:
        self._so_far = (bytes_done, bytes_total)
        self._check()

    def _check(self) -> None:
        self._progress(*self._so_far)

    def _check_transfer(self) -> None:
        self._check()
        self._speed.check(self._so_far[0], now=time.monotonic())
