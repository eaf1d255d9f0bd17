"""All attempts of one run to fetch, or to look at, one file by HTTP."""

import time
from dataclasses import replace

from downman.domain.errors import SourceCorrupt, TemporaryError
from downman.domain.ports import Progress, RemoteFile
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.file_names import get_file_name
from downman_flows.sources.http_client import GuardedClient
from downman_flows.sources.http_errors import interrupted, to_status_error
from downman_flows.sources.integrity import get_content_length
from downman_flows.sources.minimum_rate import MinimumRate
from downman_flows.sources.partial import Partial
from downman_flows.sources.retrying import with_retries
from downman_flows.sources.transfer import CONNECTION_CLOSE, DigestMismatch, Received, Transfer
from downman_flows.sources.transfer_watchdog import TransferWatchdog

#: Answers to HEAD that only say that the source does not know HEAD.
_NO_HEAD = frozenset({403, 405, 501})


def inspect(client: GuardedClient, url: str, *, limits: FetchLimits) -> RemoteFile:
    """Ask for name and size with HEAD, or, where that is not known, with a GET whose body is not read."""

    def attempt() -> RemoteFile:
        for method in ("HEAD", "GET"):
            with client.open(method, url) as response:
                if method == "HEAD" and response.status_code in _NO_HEAD:
                    continue
                failure = to_status_error(response)
                if failure is not None:
                    raise failure
                size = None if response.headers.get("Content-Encoding") else get_content_length(response.headers)
                return RemoteFile(name=get_file_name(url, response.headers), url=url, size=size)
        raise AssertionError("GET was asked last")

    return with_retries(attempt, limits=limits)


class HttpFetch:
    """All attempts of one fetch within one run."""

    def __init__(
        self, client: GuardedClient, url: str, partial: Partial, *, limits: FetchLimits, progress: Progress
    ) -> None:
        """Prepare; nothing is sent yet."""
        self._client = client
        self._url = url
        self._partial = partial
        self._limits = limits
        self._progress = progress
        self._so_far: tuple[int, int | None] = (0, None)
        self._rate = MinimumRate(limits, now=time.monotonic())
        self._deadline = time.monotonic() + limits.total_seconds
        self._mismatched = False
        #: SHA-256 of a body that said nothing of its length.
        self._unproven = ""

    def receive(self) -> Received:
        """Try until it is complete; raises a `DownmanError`."""
        return with_retries(self._attempt, limits=self._limits, check=self._check)

    def _attempt(self) -> Received:
        self._rate = MinimumRate(self._limits, now=time.monotonic())
        with TransferWatchdog(self._check_transfer, deadline=self._deadline) as watchdog:
            transfer = Transfer(
                client=self._client,
                url=self._url,
                partial=self._partial,
                max_bytes=self._limits.max_bytes,
                progress=self._on_progress,
                trace=watchdog.trace,
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
        """Distinguish a body without a length from one that was interrupted: only a complete one is the same twice."""
        digest = received.hashes.hex()
        if self._unproven == digest:
            return replace(received, proof="read-twice")
        self._unproven = digest
        self._partial.discard()
        raise interrupted("it does not say how much it sends", received=received.hashes.size, expected=None)

    def _on_progress(self, bytes_done: int, bytes_total: int | None) -> None:
        self._so_far = (bytes_done, bytes_total)
        self._check()

    def _check(self) -> None:
        self._progress(*self._so_far)

    def _check_transfer(self) -> None:
        self._check()
        self._rate.check(self._so_far[0], now=time.monotonic())
