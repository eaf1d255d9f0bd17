"""All attempts of one run to fetch, or to look at, one file by HTTP."""

import time
from dataclasses import replace

import httpx

from downman.domain.errors import SourceCorrupt, TemporaryError
from downman.domain.ports import UNPROVEN, Progress, RemoteFile
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.file_names import get_file_name
from downman_flows.sources.http_client import GuardedClient, get_final_url
from downman_flows.sources.http_errors import interrupted, to_status_error
from downman_flows.sources.integrity import get_content_length
from downman_flows.sources.minimum_rate import MinimumRate
from downman_flows.sources.partial import Partial
from downman_flows.sources.retrying import with_retries
from downman_flows.sources.transfer import CONNECTION_CLOSE, DigestMismatch, Received, Transfer
from downman_flows.sources.transfer_watchdog import TransferWatchdog

#: Reads of a body that does not say its length, until it counts as one that is different each time.
_READS = 3
#: A read that brought less than this share of an earlier one was probably cut.
_NEARLY_ALL = 0.9
#: Bytes that make a try one that brought something.
_LEAST_PROGRESS = 1024


def inspect(client: GuardedClient, url: str, *, limits: FetchLimits) -> RemoteFile:
    """Ask for name and size with a GET whose body is not read.

    Not with HEAD: too many sources answer it with an error, another length, or not at all.
    """

    def attempt() -> RemoteFile:
        with client.open("GET", url, cookies=httpx.Cookies()) as response:
            failure = to_status_error(response)
            if failure is not None:
                raise failure
            size = None if response.headers.get("Content-Encoding") else get_content_length(response.headers)
            name = get_file_name(url, response.headers, get_final_url(response))
            return RemoteFile(name=name, url=url, size=size)

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
        #: A jar for each fetch: a source may demand that the cookie which it sets with a redirect comes back.
        self._cookies = httpx.Cookies()
        self._so_far: tuple[int, int | None] = (0, None)
        self._rate = MinimumRate(limits, now=time.monotonic())
        self._deadline = time.monotonic() + limits.total_seconds
        self._mismatched = False
        #: SHA-256 and size of each read of a body that said nothing of its length.
        self._reads: list[tuple[str, int]] = []
        #: The most bytes that an attempt left to be resumed.
        self._most_kept = partial.size()

    def receive(self) -> Received:
        """Try until it is complete; raises a `DownmanError`."""
        return with_retries(self._attempt, limits=self._limits, check=self._check, progressed=self._progressed)

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
                cookies=self._cookies,
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
        """Distinguish a body without a length from one that was interrupted: only a complete one is the same twice.

        One that is different each time, such as a text with the time in it, cannot be proven.
        """
        digest, size = received.hashes.hex(), received.hashes.size
        if self._reads and self._reads[-1][0] == digest:
            return replace(received, proof="read-twice")
        self._reads.append((digest, size))
        longest = max(size for _digest, size in self._reads)
        if self._limits.allows_unproven and len(self._reads) >= _READS and size >= longest * _NEARLY_ALL:
            return replace(received, proof=UNPROVEN)
        self._partial.discard()
        raise interrupted("it does not say how much it sends", received=size, expected=None)

    def _progressed(self) -> bool:
        kept = self._partial.size() if self._partial.can_be_resumed() else 0
        if kept < self._most_kept + _LEAST_PROGRESS:
            return False
        self._most_kept = kept
        return True

    def _on_progress(self, bytes_done: int, bytes_total: int | None) -> None:
        self._so_far = (bytes_done, bytes_total)
        self._check()

    def _check(self) -> None:
        self._progress(*self._so_far)

    def _check_transfer(self) -> None:
        self._check()
        self._rate.check(self._so_far[0], now=time.monotonic())
