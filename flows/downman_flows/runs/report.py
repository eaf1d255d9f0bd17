"""What a run did, in words and in a table, for those who watch Prefect."""

from dataclasses import dataclass, field
from typing import Self

from django.utils.formats import date_format

from downman.domain.status import describe_status
from downman.models import DownloadRequest
from downman.services.db_retry import retry_on_disconnect
from downman.services.tracking import TrackedRequest, decision_url, track


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run did for one request."""

    request_id: int
    summary: str
    #: One row for each resource.
    rows: list[dict[str, str]] = field(default_factory=list)
    number: str = ""
    #: Of the order's page in the admin; empty where the site has none. Prefect is never told what opens the order.
    admin_url: str = ""

    @classmethod
    def nothing_due(cls, request_id: int) -> Self:
        """Say that there was nothing to do."""
        return cls(request_id=request_id, summary="Nothing was due: another run has it, or it has ended.")

    @classmethod
    def waits_for_space(cls, request_id: int, *, needed: int, free: int) -> Self:
        """Say that the run could not start for want of room."""
        return cls(
            request_id=request_id,
            summary=f"Waits for room on the disk: about {needed:,} bytes are needed, {free:,} are free.",
        )

    @classmethod
    def lease_lost(cls, request_id: int) -> Self:
        """Say that the run stopped because the request was no longer its own."""
        return cls(request_id=request_id, summary="Stopped: another run took the request over, or it was cancelled.")


@retry_on_disconnect
def build_report(request_id: int) -> Report:
    """Tell how a request stands after a run."""
    tracked = track(DownloadRequest.objects.get(pk=request_id))
    return Report(
        request_id=request_id,
        summary=_summary(tracked),
        rows=_rows(tracked),
        number=tracked.number,
        admin_url=decision_url("downloadrequest", request_id),
    )


def _summary(tracked: TrackedRequest) -> str:
    delivered = sum(item.status == "delivered" for item in tracked.resources)
    words = describe_status(tracked.status)
    return f"{words.capitalize()}: {delivered} of {len(tracked.resources)} resources delivered."


def _rows(tracked: TrackedRequest) -> list[dict[str, str]]:
    return [
        {
            "resource": item.resource,
            "status": describe_status(item.status),
            "bytes": f"{item.bytes_done:,}",
            "attempts": str(item.attempts),
            "next try": date_format(item.retry_at, "Y-m-d H:i:s e") if item.retry_at else "",
            "why": item.error,
        }
        for item in tracked.resources
    ]
