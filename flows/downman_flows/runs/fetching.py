"""Fetches the parts of one request side by side, so many at once and so many from one host."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from downman.domain.errors import DownloadCancelled, DownmanError, InternalFault, SourceTooLarge
from downman.domain.ports import Progress, RemoteFile, StagedFile
from downman.services.leases import ClaimedPart
from downman.services.outcome import Failure, NeedsApproval, describe_failure
from downman_flows.runs import manifest, proving
from downman_flows.storage import checkpoint
from downman_flows.storage.previous_package import extract
from downman_flows.wiring import Dependencies

logger = logging.getLogger(__name__)
#: Prefect's of a flow run, or one of ours.
RunLogger = logging.Logger | logging.LoggerAdapter[Any]

#: Seconds between two renewals of the lease, and between two calls while there is nothing else to do.
HEARTBEAT_SECONDS = 0.5

Files = Sequence[StagedFile | RemoteFile]


class _TooLarge(DownloadCancelled):
    """It is larger than the public may have; stops a transfer like a cancellation."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """How fetching one part ended."""

    part: ClaimedPart
    #: What lies in staging, or, for a part with a link of its own, what the source says; empty after a failure.
    files: Files = ()
    failure: Failure | None = None

    @property
    def staged(self) -> bool:
        """Return whether its files lie in staging, to be packaged."""
        return bool(self.files) and self.part.packaged


class Fetching:
    """Fetches parts in threads; none of them touches the database."""

    def __init__(
        self, request_id: int, parts: Sequence[ClaimedPart], dependencies: Dependencies, *, log: RunLogger = logger
    ) -> None:
        """Prepare; the fetching starts on entering the context. `log` is told how each part ended."""
        self._log = log
        self._request_id = request_id
        self._waiting = list(parts)
        self._dependencies = dependencies
        self._pool = ThreadPoolExecutor(max_workers=dependencies.parallel_fetches, thread_name_prefix="fetch")
        self._running: dict[Future[Fetched], ClaimedPart] = {}
        self._stopped: set[int] = set()
        self._all_stopped = threading.Event()
        #: Bytes so far and in all (None: not known yet) by locator.
        self.progress: dict[int, tuple[int, int | None]] = {}
        #: Why those parts are not delivered whose fetching has ended so, by locator.
        self.failures: dict[int, Failure] = {}

    def __enter__(self) -> Self:
        """Start fetching."""
        self._fill()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop what still runs, and wait for it: nobody may write into staging after this."""
        self._all_stopped.set()
        self._waiting.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def stop(self, locator_ids: frozenset[int]) -> None:
        """Stop fetching these; each ends as cancelled."""
        self._stopped |= locator_ids

    def results(self, tick: Callable[[], None]) -> Iterator[Fetched]:
        """Return each part as its fetching ends; calls `tick` at least twice a second while waiting."""
        while self._running or self._waiting:
            self._fill()
            done, _ = wait(self._running, timeout=HEARTBEAT_SECONDS, return_when=FIRST_COMPLETED)
            tick()
            for future in done:
                del self._running[future]
            self._fill()
            for future in done:
                yield future.result()

    def _fill(self) -> None:
        hosts = Counter(_host(part) for part in self._running.values())
        for part in list(self._waiting):
            if len(self._running) >= self._dependencies.parallel_fetches:
                return
            host = _host(part)
            if not host or hosts[host] < self._dependencies.parallel_fetches_per_host:
                hosts[host] += 1
                self._waiting.remove(part)
                self._running[self._pool.submit(self._fetch, part)] = part

    def _fetch(self, part: ClaimedPart) -> Fetched:
        began = time.monotonic()
        fetched = self._fetch_or_fail(part)
        if fetched.failure is not None and not isinstance(fetched.failure, DownloadCancelled):
            self.failures[part.locator_id] = fetched.failure
        self._say(fetched, seconds=time.monotonic() - began)
        return fetched

    def _say(self, fetched: Fetched, *, seconds: float) -> None:
        """Say how one part ended; without its URL, which may hold a key."""
        part, failure = fetched.part, fetched.failure
        count, _total = self.progress.get(part.locator_id, (0, None))
        facts: tuple[object, ...] = (part.position + 1, part.request.resource, _host(part) or part.request.source)
        extra = {"request_id": self._request_id, "bytes": count, "seconds": round(seconds, 3)}
        if failure is None and part.packaged:
            self._log.info("Part %s (%s) of %s: %s bytes in %.1f s.", *facts, f"{count:,}", seconds, extra=extra)
        elif failure is None:
            self._log.info("Part %s (%s) of %s: found, gets a link of its own.", *facts, extra=extra)
        else:
            why = describe_failure(failure)
            self._log.warning(
                "Part %s (%s) of %s: not fetched, %s bytes in %.1f s: %s",
                *facts, f"{count:,}", seconds, why, extra=extra,
            )  # fmt: skip

    def _fetch_or_fail(self, part: ClaimedPart) -> Fetched:
        try:
            if part.refusal is not None:
                raise part.refusal
            return Fetched(part=part, files=self._get_files(part))
        except _TooLarge as exc:
            return Fetched(part=part, failure=NeedsApproval(size=exc.size))
        except DownmanError as exc:
            return Fetched(part=part, failure=exc)
        except BaseException:
            # The edge of this thread: one part's defect, of whatever kind, must not take the others with it.
            logger.exception("Part %s of request %s met a defect.", part.locator_id, self._request_id)
            return Fetched(part=part, failure=InternalFault())

    def _get_files(self, part: ClaimedPart) -> Files:
        source = self._dependencies.sources[part.request.source]
        if part.packaged:
            folder = self._dependencies.staging.get_folder(self._request_id, part.locator_id)
            meter = self._meter(part)
            if files := checkpoint.load(folder, part.request):
                size = sum(file.size for file in files)
                meter(size, size)
                return files
            files = list(self._from_previous_package(part, folder, meter)) or proving.fetch_proven(
                source, part.request, part.formats, folder, meter
            )
            checkpoint.save(folder, part.request, files)
            # All of it is here, also of what did not say how much it is.
            size = sum(file.size for file in files)
            meter(size, size)
            return files
        found = proving.inspect(source, part.request)
        self._meter(part)(0, sum(item.size or 0 for item in found))
        return found

    def _from_previous_package(self, part: ClaimedPart, folder: Path, meter: Progress) -> Sequence[StagedFile]:
        if not part.previous_package:
            return []
        package = partial(self._dependencies.storage.open, part.previous_package)
        return extract(package, part.position + 1, folder, meter, manifest_name=manifest.NAME)

    def _meter(self, part: ClaimedPart) -> Progress:
        def on_progress(bytes_done: int, bytes_total: int | None) -> None:
            if self._all_stopped.is_set() or part.locator_id in self._stopped:
                raise DownloadCancelled
            # A source's numbers may be anything, and the database takes none below zero.
            bytes_done = max(0, int(bytes_done))
            bytes_total = None if bytes_total is None else max(bytes_done, int(bytes_total))
            size = max(bytes_done, bytes_total or 0)
            if part.public_limit is not None and size > part.public_limit:
                if bytes_total is None:
                    # Nobody can decide on what does not say how large it is; it may never end.
                    raise SourceTooLarge(limit=part.public_limit)
                raise _TooLarge(size)
            self.progress[part.locator_id] = (bytes_done, bytes_total)

        return on_progress


def _host(part: ClaimedPart) -> str:
    return urlsplit(part.request.url).hostname or ""
