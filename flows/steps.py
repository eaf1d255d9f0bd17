"""How one run packages one request, from the claim to the record: the story that `flows.package` tells to Prefect."""

import contextlib
import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from itertools import chain

from django_integration.domain.errors import DownloadCancelled, LeaseLost, NoSpace, TemporaryError
from django_integration.domain.status import RequestStatus
from django_integration.downloads.services import packaging
from django_integration.downloads.services.packaging import Claim, Failure
from flows.contents import Contents, direct_links
from flows.fetching import TICK_SECONDS, Fetched, Fetching
from flows.report import Report, report_of
from flows.wiring import Tools

logger = logging.getLogger(__name__)


def package_request(request_id: int, *, owner: str, tools: Tools) -> Report:
    """Deliver what is due of a request, for the run `owner`; safe to be called twice, or by two runs at once.

    Raises what nobody expected, after the request was planned to be tried again.
    """
    claim = packaging.claim(request_id, owner=owner)
    if claim is None:
        return Report.nothing_due(request_id)
    logger.info("Request %s: %s parts to deliver.", request_id, len(claim.parts), extra={"request_id": request_id})
    run = _Run(claim, tools)
    try:
        run.deliver()
    except LeaseLost:
        return Report.lease_lost(request_id)
    except Exception:
        # The edge of the work: whatever it was, the request is not lost, and Prefect shows the run as failed.
        run.put_off()
        raise
    return report_of(request_id)


class _Run:
    """One run's work on one claim."""

    def __init__(self, claim: Claim, tools: Tools) -> None:
        self._claim = claim
        self._tools = tools
        self._fetched: dict[int, Fetched] = {}
        self._cancelled: frozenset[int] = frozenset()
        self._last_beat = 0.0
        self._told: dict[int, tuple[int, int | None]] = {}

    def deliver(self) -> None:
        """Fetch, package and record; afterwards staging holds only what a later run can go on from."""
        if self._lacks_space():
            self._record_failures(NoSpace())
            return
        with Fetching(self._claim.request_id, self._claim.parts, self._tools) as fetching:
            try:
                results: Iterable[Fetched] = fetching.results(lambda: self._beat(fetching))
                while not self._package_and_record(results, fetching):
                    # A part of the package was cancelled before the record: again, without it, from staging.
                    results = list(self._fetched.values())
                    self._cancelled |= packaging.beat(self._claim, {})
            except DownloadCancelled:
                packaging.record(self._claim, links=(), failures={}, sizes={})
        self._clear_staging()

    def put_off(self) -> None:
        """Plan everything to be tried again, after a defect."""
        with contextlib.suppress(LeaseLost):
            self._record_failures(TemporaryError())

    def _package_and_record(self, results: Iterable[Fetched], fetching: Fetching) -> bool:
        """Make one package of the results and record how each ended; False when it must be made anew."""
        contents = Contents(self._claim, self._tools.package_dir)
        try:
            contents.write(self._packaged(results), tick=lambda: self._beat(fetching))
        except NoSpace as exc:
            contents.discard()
            failed = {pk: Fetched(part=item.part, failure=exc) for pk, item in self._fetched.items() if item.staged}
            self._fetched.update(failed)
        try:
            outcome = self._record(contents)
        except LeaseLost:
            # For certain nobody was told of it; after any other error the record may stand.
            contents.discard()
            raise
        if outcome is None:
            contents.discard()
        return outcome is not None

    def _record(self, contents: Contents) -> RequestStatus | None:
        delivered = [item for item in self._fetched.values() if item.files and not self._is_cancelled(item)]
        direct = chain.from_iterable(direct_links(item) for item in delivered if not item.staged)
        return packaging.record(
            self._claim,
            links=[*contents.links(), *direct],
            failures={pk: item.failure for pk, item in self._fetched.items() if item.failure is not None},
            sizes={item.part.locator_id: sum(file.size or 0 for file in item.files) for item in delivered},
        )

    def _packaged(self, results: Iterable[Fetched]) -> Iterator[Fetched]:
        """Keep every result, and give those that go into the package or are named in it as left out."""
        for fetched in results:
            self._fetched[fetched.part.locator_id] = fetched
            if not self._is_cancelled(fetched) and (fetched.staged or fetched.failure):
                yield fetched

    def _is_cancelled(self, fetched: Fetched) -> bool:
        return fetched.part.locator_id in self._cancelled

    def _beat(self, fetching: Fetching) -> None:
        """Show a sign of life now and then, and stop what was cancelled."""
        if time.monotonic() - self._last_beat < TICK_SECONDS:
            return
        self._last_beat = time.monotonic()
        # A copy: the threads that fetch go on writing into it.
        progress = dict(fetching.progress)
        news = {locator_id: so_far for locator_id, so_far in progress.items() if self._told.get(locator_id) != so_far}
        self._cancelled |= packaging.beat(self._claim, news)
        self._told = progress
        fetching.stop(self._cancelled)
        if len(self._cancelled) == len(self._claim.parts):
            raise DownloadCancelled

    def _record_failures(self, failure: Failure) -> None:
        failures = {part.locator_id: failure for part in self._claim.parts}
        packaging.record(self._claim, links=(), failures=failures, sizes={})

    def _lacks_space(self) -> bool:
        self._tools.package_dir.mkdir(parents=True, exist_ok=True)
        free_for_packages = shutil.disk_usage(self._tools.package_dir).free
        return (
            free_for_packages < self._tools.package_reserve_bytes
            or self._tools.staging.free_bytes() < self._tools.staging_reserve_bytes
        )

    def _clear_staging(self) -> None:
        """Delete what was delivered or will never be; keep what a later run resumes."""
        for locator_id, fetched in self._fetched.items():
            if isinstance(fetched.failure, TemporaryError):
                self._tools.staging.tidy(self._claim.request_id, locator_id)
            else:
                self._tools.staging.discard(self._claim.request_id, locator_id)
        for locator_id in self._cancelled:
            self._tools.staging.discard(self._claim.request_id, locator_id)
