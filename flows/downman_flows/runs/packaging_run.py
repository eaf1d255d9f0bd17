"""How one run packages one request, from the claim to the record."""

import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from downman.domain.errors import DownloadCancelled, DownmanError, InternalFault, LeaseLost, NoSpace, TemporaryError
from downman.domain.status import RequestStatus
from downman.services import leases, outcome, package_storage, retention
from downman.services.db_retry import retry_on_disconnect
from downman.services.leases import Claim, ClaimedPart
from downman.services.outcome import Failure, NewLink
from downman.services.space import InsufficientSpace
from downman_flows.runs.fetching import Fetched, Fetching, RunLogger
from downman_flows.runs.heartbeat import LeaseKeeper
from downman_flows.runs.package_builder import PackageBuilder, direct_links
from downman_flows.runs.report import Report, build_report
from downman_flows.wiring import Dependencies

logger = logging.getLogger(__name__)


def package_request(request_id: int, *, owner: str, dependencies: Dependencies, log: RunLogger = logger) -> Report:
    """Deliver what is due of a request, for the run `owner`; safe to be called twice, or by two runs at once.

    `log` is told how each part ended: it is the run's own in Prefect.
    Raises what nobody expected, after the request was planned to be tried again.
    """
    try:
        free_bytes = dependencies.free_bytes(stored_bytes=retry_on_disconnect(retention.stored_bytes))
    except OSError:
        # The folders cannot be reached: that is for the administrators to mend, and the order waits meanwhile.
        _reschedule(request_id, owner=owner, dependencies=dependencies)
        raise
    claim = leases.claim(request_id, owner=owner, free_bytes=free_bytes)
    if claim is None:
        return Report.nothing_due(request_id)
    if isinstance(claim, InsufficientSpace):
        retention.free_space()
        return Report.waits_for_space(request_id, needed=claim.needed_bytes, free=claim.free_bytes)
    logger.info("Request %s: %s parts to deliver.", request_id, len(claim.parts), extra={"request_id": request_id})
    # An earlier run that was lost may have left a package of which nobody was notified.
    package_storage.discard_unrecorded(request_id, keep_attempt=claim.attempt)
    run = PackagingRun(claim, dependencies, log=log)
    try:
        run.deliver()
    except LeaseLost:
        # Whoever has it now works in folders of their own.
        dependencies.staging.discard_held(request_id)
        return Report.lease_lost(request_id)
    except Exception:
        # The edge of the work: whatever it was, the request is not lost, and Prefect shows the run as failed.
        run.reschedule()
        raise
    return build_report(request_id)


def _reschedule(request_id: int, *, owner: str, dependencies: Dependencies) -> None:
    claim = leases.claim(request_id, owner=owner, free_bytes=sys.maxsize)
    if isinstance(claim, Claim):
        PackagingRun(claim, dependencies).reschedule()


class PackagingRun:
    """One run's work on one claim."""

    def __init__(self, claim: Claim, dependencies: Dependencies, *, log: RunLogger = logger) -> None:
        """Prepare; nothing is fetched yet."""
        self._log = log
        self._claim = claim
        self._dependencies = dependencies
        self._fetched: dict[int, Fetched] = {}

    def deliver(self) -> None:
        """Fetch, package and record; afterwards staging holds only what a later run can resume from."""
        with (
            Fetching(self._claim.request_id, self._claim.parts, self._dependencies, log=self._log) as fetching,
            LeaseKeeper(self._claim, fetching, renews=self._dependencies.renews_leases) as lease,
        ):
            try:
                fetched = fetching.results(lease.check)
                results: Iterable[Fetched] = fetched
                while not self._package_and_record(results, lease):
                    # A part of the package was cancelled before the record, or met a defect while it was written:
                    # again, without it, from staging; then what is still being fetched.
                    results = chain(list(self._fetched.values()), fetched)
                    lease.renew()
            except DownloadCancelled:
                self._record(links=(), failures={}, sizes={})
        self._clear_staging()

    def reschedule(self) -> None:
        """Plan everything to be tried again from the start, after a defect."""
        failures: dict[int, Failure] = {part.locator_id: TemporaryError() for part in self._claim.parts}
        for part in self._claim.parts:
            # It may be what lies there that the run stumbled over.
            self._dependencies.staging.discard(self._claim.request_id, part.locator_id)
        with contextlib.suppress(LeaseLost):
            self._record(links=(), failures=failures, sizes={})

    def _package_and_record(self, results: Iterable[Fetched], lease: LeaseKeeper) -> bool:
        """Make one package of the results and record how each ended; False when it must be made anew."""
        builder = PackageBuilder(self._claim, self._dependencies.storage)
        left_out = lease.cancelled
        try:
            builder.write(self._packaged(results, left_out), tick=lease.check)
        except NoSpace as exc:
            builder.discard()
            failed = {pk: Fetched(part=item.part, failure=exc) for pk, item in self._fetched.items() if item.staged}
            self._fetched.update(failed)
        except (LeaseLost, DownloadCancelled):
            raise
        except Exception as exc:
            if (part := builder.writing) is None or not self._is_of_part(exc, part):
                raise
            # One part's defect must not take the others with it.
            logger.exception("Part %s of request %s met a defect.", part.locator_id, self._claim.request_id)
            self._dependencies.staging.discard(self._claim.request_id, part.locator_id)
            failure = exc if isinstance(exc, DownmanError) else InternalFault()
            self._fetched[part.locator_id] = Fetched(part=part, failure=failure)
            return False
        try:
            status = self._record_results(builder, left_out)
        except LeaseLost:
            if outcome.is_recorded(self._claim, builder.target):
                # It was recorded, and the database was lost before it could say so.
                return True
            # For certain nobody was notified of it; after any other error the record may stand.
            builder.discard()
            raise
        if status is None:
            builder.discard()
        return status is not None

    def _is_of_part(self, exc: Exception, part: ClaimedPart) -> bool:
        """Return whether an error while the package is written is one of the part that is being written into it.

        A disk that takes or gives nothing is not, and Prefect has to show that the run failed; a file of the part that
        is not there is.
        """
        if not isinstance(exc, OSError):
            return True
        folder = self._dependencies.staging.get_folder(self._claim.request_id, part.locator_id)
        return isinstance(exc.filename, str | Path) and Path(exc.filename).is_relative_to(folder)

    def _record_results(self, builder: PackageBuilder, left_out: frozenset[int]) -> RequestStatus | None:
        delivered = [item for pk, item in self._fetched.items() if item.files and pk not in left_out]
        direct = chain.from_iterable(
            direct_links(item, delivery=self._dependencies.sources[item.part.request.source].link_delivery)
            for item in delivered
            if not item.staged
        )
        return self._record(
            links=[*builder.links(), *direct],
            failures={pk: item.failure for pk, item in self._fetched.items() if item.failure is not None},
            sizes={item.part.locator_id: sum(file.size or 0 for file in item.files) for item in delivered},
        )

    def _record(
        self, *, links: Sequence[NewLink], failures: Mapping[int, Failure], sizes: Mapping[int, int]
    ) -> RequestStatus | None:
        return outcome.record(self._claim, links=links, failures=failures, sizes=sizes)

    def _packaged(self, results: Iterable[Fetched], left_out: frozenset[int]) -> Iterator[Fetched]:
        """Keep every result, and give those that go into the package or are named in it as left out."""
        for fetched in results:
            self._fetched[fetched.part.locator_id] = fetched
            if fetched.part.locator_id not in left_out and (fetched.staged or fetched.failure):
                yield fetched

    def _clear_staging(self) -> None:
        """Delete what was delivered or will never be; keep what a later run resumes, but no room that is needed."""
        for part in self._claim.parts:
            fetched = self._fetched.get(part.locator_id)
            failure = fetched.failure if fetched is not None else None
            if isinstance(failure, TemporaryError) and not isinstance(failure, NoSpace):
                self._dependencies.staging.tidy(self._claim.request_id, part.locator_id)
            else:
                self._dependencies.staging.discard(self._claim.request_id, part.locator_id)
