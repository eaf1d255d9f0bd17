"""How anything about a request changes: one short transaction, its row locked, its state true at the end."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from django_integration.domain.request import Part, outcome_of
from django_integration.domain.status import (
    OPEN_REQUESTS,
    STARTABLE_LOCATORS,
    Approval,
    LinkStatus,
    LocatorStatus,
    RequestStatus,
)
from django_integration.downloads.models import DownloadRequest, RequestEvent, ResourceLocator


class Change:
    """One change of a request while its row is locked."""

    def __init__(self, request: DownloadRequest, *, actor: str) -> None:
        """Start a change by `actor`."""
        self.request = request
        self.actor = actor

    def move_locators(
        self, locators: Iterable[ResourceLocator], target: LocatorStatus, *, reason: str = "", **facts: Any
    ) -> list[ResourceLocator]:
        """Move those of the locators that may become `target`, with their events; give those that moved."""
        moved = []
        for locator in locators:
            before = locator.status
            if ResourceLocator.objects.filter(pk=locator.pk).move_to(target, **facts):
                self._record(locator=locator, before=before, after=target, reason=reason)
                locator.status = target.value
                moved.append(locator)
        return moved

    def record_creation(self) -> None:
        """Write the first event of each part."""
        RequestEvent.objects.bulk_create(
            RequestEvent(request=self.request, locator=row, to_status=row.status, reason="ordered", actor=self.actor)
            for row in self.request.locators.all()
        )

    def settle(self, *, reason: str = "") -> RequestStatus:
        """Make the request's state what its parts say, and its next run what they need."""
        rows = list(self.request.locators.select_related("link"))
        outcome = outcome_of([part_of(row) for row in rows], cancelled=self.request.cancelled_at is not None)
        before = RequestStatus(self.request.status)
        if outcome != before:
            DownloadRequest.objects.filter(pk=self.request.pk).must_move_to(outcome)
            self.request.status = outcome.value
            self._record(locator=None, before=before, after=outcome, reason=reason)
        if outcome not in OPEN_REQUESTS or not any(row.status in STARTABLE_LOCATORS for row in rows):
            self.request.due_at = None
            DownloadRequest.objects.filter(pk=self.request.pk).update(due_at=None)
        return outcome

    def set_facts(self, **facts: Any) -> None:
        """Write columns of the request that are not its state."""
        DownloadRequest.objects.filter(pk=self.request.pk).update(**facts)
        for name, value in facts.items():
            setattr(self.request, name, value)

    def _record(self, *, locator: ResourceLocator | None, before: str, after: str, reason: str) -> None:
        RequestEvent.objects.create(
            request=self.request,
            locator=locator,
            from_status=str(before),
            to_status=str(after),
            reason=reason[:300],
            actor=self.actor,
        )


@contextmanager
def changing(request_id: int, *, actor: str) -> Iterator[Change]:
    """Lock a request's row for one short change; raises `DownloadRequest.DoesNotExist`.

    Every change of a request, its locators and its links goes through here, so that no two of them interleave.
    """
    with transaction.atomic():
        yield Change(DownloadRequest.objects.select_for_update().get(pk=request_id), actor=actor)


def part_of(locator: ResourceLocator) -> Part:
    """Give what the state of a request depends on, of one row."""
    return Part(
        status=LocatorStatus(locator.status),
        approval=Approval(locator.approval),
        link=LinkStatus(locator.link.status) if locator.link else None,
    )
