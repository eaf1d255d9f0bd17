"""The jobs `clean-expired`, `sweep-orphans` and `recover-stalled`, which run on the schedules of `prefect.yaml`."""

from typing import Any

from prefect import flow
from prefect.states import Completed

from downman.domain.jobs import Job
from downman_flows.wiring import run_in_django


@flow(name=Job.CLEAN_EXPIRED.value, persist_result=False)
async def clean_expired() -> Any:
    """Warn before links end, end them, delete their packages and the orders that are past their time."""
    cleaned = await run_in_django(_clean)
    return Completed(
        message=f"{cleaned.warned} people warned, {cleaned.expired} links expired, {cleaned.evicted} ended early, "
        f"{cleaned.deleted} packages deleted ({cleaned.freed_bytes:,} bytes), "
        f"{cleaned.unverified} orders without a confirmed address cancelled, "
        f"{cleaned.forgotten} orders forgotten."
    )


@flow(name=Job.SWEEP_ORPHANS.value, persist_result=False)
async def sweep_orphans() -> Any:
    """Delete old files that nobody owns."""
    swept = await run_in_django(_sweep)
    return Completed(
        message=f"{swept.packages} files without a link and {swept.stagings} old stagings deleted, "
        f"{swept.freed_bytes:,} bytes freed."
    )


@flow(name=Job.RECOVER_STALLED.value, persist_result=False)
async def recover_stalled() -> Any:
    """Start again what was never started, was lost by a worker, or is due."""
    found = await run_in_django(_recover)
    return Completed(
        message=f"{len(found.lost)} requests taken from lost workers, {len(found.started)} started; "
        f"mails were {'due' if found.mails else 'not due'}."
    )


def _clean() -> Any:
    from downman.services import retention  # noqa: PLC0415

    return retention.clean_expired()


def _sweep() -> Any:
    from downman.services import orphans  # noqa: PLC0415

    return orphans.sweep_orphans()


def _recover() -> Any:
    from downman.services import recovery  # noqa: PLC0415

    return recovery.recover_stalled()
