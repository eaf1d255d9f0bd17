"""The jobs `clean-expired` and `recover-stalled`, which run on the schedules of `prefect.yaml`."""

from typing import Any

from prefect import flow
from prefect.states import Completed

from django_integration.domain.jobs import Job
from flows.wiring import in_site


@flow(name=Job.CLEAN_EXPIRED.value, persist_result=False)
async def clean_expired() -> Any:
    """End links whose time is over; delete their packages and what nobody owns."""
    cleaned = await in_site(_clean)
    return Completed(
        message=f"{cleaned.expired} links expired, {cleaned.deleted} packages and {cleaned.orphans} orphans deleted, "
        f"{cleaned.freed_bytes:,} bytes freed."
    )


@flow(name=Job.RECOVER_STALLED.value, persist_result=False)
async def recover_stalled() -> Any:
    """Start again what was never started, was lost by a worker, or is due."""
    found = await in_site(_recover)
    return Completed(
        message=f"{len(found.lost)} requests taken from lost workers, {len(found.started)} started; "
        f"mails were {'due' if found.mails else 'not due'}."
    )


def _clean() -> Any:
    from django_integration.downloads.services import cleaning  # noqa: PLC0415 - needs Django to be set up

    return cleaning.clean_expired()


def _recover() -> Any:
    from django_integration.downloads.services import recovery  # noqa: PLC0415 - needs Django to be set up

    return recovery.recover_stalled()
