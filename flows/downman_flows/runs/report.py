"""What a run did, in words and in a table, for those who watch Prefect."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from django.utils.formats import date_format

from downman.domain.status import RequestStatus, describe_status
from downman.models import DownloadRequest
from downman.services.db_retry import retry_on_disconnect
from downman.services.tracking import TrackedRequest, decision_url, track

#: The names of the ends of a run. A run that did its work is `COMPLETED` for Prefect whatever became of the order:
#: `FAILED` means that somebody must mend downman, and is what automations, `downman doctor` and retries act upon. So
#: the name of the state says what became of the order, and its message why.
NOTHING_DUE, POSTPONED, STOPPED = "Nothing due", "Order postponed", "Stopped"
OUTCOMES: Mapping[str, str] = {
    RequestStatus.AWAITING_APPROVAL: "Order awaits approval",
    RequestStatus.QUEUED: POSTPONED,
    RequestStatus.PARTLY_READY: "Order partly ready",
    RequestStatus.READY_WITH_ERRORS: "Order incomplete",
    RequestStatus.FAILED: "Order failed",
    RequestStatus.REJECTED: "Order rejected",
    RequestStatus.CANCELLED: "Order cancelled",
    RequestStatus.EXPIRED: "Order expired",
}
#: Different reasons that a summary gives; the table of the run has all of them.
MOST_REASONS = 3


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run did for one request."""

    request_id: int
    #: What people call the order; empty where the run did nothing with it.
    number: str = ""
    summary: str
    #: Why something was not delivered; empty when all was.
    why: str = ""
    #: What Prefect calls the end of a run that did its work; empty for its own word.
    outcome: str = ""
    #: One row for each resource.
    rows: list[dict[str, str]] = field(default_factory=list)
    #: Of the order's page in the admin; empty where the site has none. Prefect is never told what opens the order.
    admin_url: str = ""

    @property
    def message(self) -> str:
        """Return what the state of the run says."""
        return f"{self.summary} {self.why}".rstrip()

    @classmethod
    def nothing_due(cls, request_id: int) -> Self:
        """Say that there was nothing to do."""
        return cls(
            request_id=request_id, summary="Nothing was due: another run has it, or it has ended.", outcome=NOTHING_DUE
        )

    @classmethod
    def waits_for_space(cls, request_id: int, *, needed: int, free: int) -> Self:
        """Say that the run could not start for want of room."""
        return cls(
            request_id=request_id,
            summary=f"Waits for room on the disk: about {needed:,} bytes are needed, {free:,} are free.",
            outcome=POSTPONED,
        )

    @classmethod
    def lease_lost(cls, request_id: int) -> Self:
        """Say that the run stopped because the request was no longer its own."""
        return cls(
            request_id=request_id,
            summary="Stopped: another run took the order over, or it was cancelled.",
            outcome=STOPPED,
        )


@retry_on_disconnect
def build_report(request_id: int) -> Report:
    """Tell how a request stands after a run."""
    tracked = track(DownloadRequest.objects.get(pk=request_id))
    return Report(
        request_id=request_id,
        number=tracked.number,
        summary=_summary(tracked),
        why=_why(tracked),
        outcome=OUTCOMES.get(tracked.status, ""),
        rows=_rows(tracked),
        admin_url=decision_url("downloadrequest", request_id),
    )


def _summary(tracked: TrackedRequest) -> str:
    delivered = sum(item.status == "delivered" for item in tracked.resources)
    words = describe_status(tracked.status)
    return f"{words.capitalize()}: {delivered} of {len(tracked.resources)} resources delivered."


def _why(tracked: TrackedRequest) -> str:
    reasons = Counter(item.error for item in tracked.resources if item.error and item.status != "delivered")
    return " ".join(
        f"{count} parts: {reason}" if count > 1 else reason for reason, count in reasons.most_common(MOST_REASONS)
    )


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
