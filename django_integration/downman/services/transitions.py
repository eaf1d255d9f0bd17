"""How anything about a request changes: one short transaction, its row locked, its state true at the end."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from downman.domain.notices import NOTICE_FOR, NoticeKind
from downman.domain.request import Part, outcome_of
from downman.domain.status import STARTABLE_LOCATORS, Approval, LinkStatus, LocatorStatus, RequestStatus
from downman.models import DownloadLink, DownloadRequest, RequestEvent, ResourceLocator
from downman.services.announcements import SIGNAL_FOR, announce_delivery, announce_order
from downman.services.dispatch import start_packaging_on_commit
from downman.services.notices import enqueue_for_administrators, enqueue_notice
from downman.signals import order_placed

#: Who acts when it is the person who ordered.
REQUESTER = "requester"
#: No run serves these.
_WITHOUT_RUNS = frozenset({RequestStatus.UNVERIFIED, RequestStatus.CANCELLED})
#: Characters of an actor that are kept.
LONGEST_ACTOR = 150


def administrator(username: object) -> str:
    """Return the actor that an administrator is, also one whose user name is the requester's word.

    The user names of a site may be anything, and longer than what an event has room for.
    """
    name = str(username)[:LONGEST_ACTOR]
    return f"{name} (administrator)" if name == REQUESTER else name


class OrderChange:
    """One change of a request while its row is locked."""

    def __init__(self, request: DownloadRequest, *, actor: str) -> None:
        """Start a change by `actor`."""
        self.request = request
        self.actor = actor
        #: The fact that administrators are asked to decide on; empty where there is none.
        self._asks_for_approval = ""

    def move_locators(
        self, locators: Iterable[ResourceLocator], target: LocatorStatus, *, reason: str = "", **facts: Any
    ) -> list[ResourceLocator]:
        """Move those of the locators that may become `target`, with their events; give those that moved."""
        moved = []
        for locator in locators:
            before = locator.status
            if ResourceLocator.objects.filter(pk=locator.pk).move_to(target, **facts):
                event = self._record(locator=locator, before=before, after=target, reason=reason)
                locator.status = target.value
                moved.append(locator)
                if target is LocatorStatus.DELIVERED:
                    announce_delivery(locator.pk)
                if facts.get("approval") == Approval.PENDING:
                    self._asks_for_approval = f"event-{event.pk}"
        return moved

    def end_links(self, links: Iterable[DownloadLink], target: LinkStatus) -> list[DownloadLink]:
        """End those of the links that can be taken, with their sidecar files, and return those that ended."""
        ended = [link for link in links if DownloadLink.objects.filter(pk=link.pk).move_to(target)]
        DownloadLink.objects.filter(main_link__in=ended).move_to(target)
        return ended

    def record_creation(self) -> None:
        """Write the first event of each part."""
        parts = list(self.request.locators.all())
        RequestEvent.objects.bulk_create(
            RequestEvent(request=self.request, locator=row, to_status=row.status, reason="ordered", actor=self.actor)
            for row in parts
        )
        if any(row.approval == Approval.PENDING for row in parts):
            self._asks_for_approval = "ordered"

    def confirm_address(self, *, reason: str) -> RequestStatus:
        """Begin the work on an order whose address was to be confirmed, and send the mails that waited for it."""
        self.request.address_verified = True
        undecided = self.request.locators.filter(approval=Approval.PENDING, status=LocatorStatus.AWAITING_APPROVAL)
        self._asks_for_approval = "confirmed" if undecided.exists() else ""
        # Before a run is asked for: what that sends comes after it.
        announce_order(order_placed, self.request.pk)
        enqueue_notice(self.request, NoticeKind.RECEIVED, fact="order")
        outcome = self.recompute_status(reason=reason)
        # After its state, in which an order waits for just that.
        self.update_fields(address_verified=True)
        return outcome

    def add_event(self, reason: str) -> RequestEvent:
        """Record something that changes no state."""
        return self._record(locator=None, before=self.request.status, after=self.request.status, reason=reason)

    def recompute_status(self, *, reason: str = "", delivered: bool = False) -> RequestStatus:
        """Make the request's state what its parts say, its next run what they need, and owe the mails of it.

        `delivered`: something new can be taken, which is worth a mail though others are awaited.
        """
        rows = list(self.request.locators.select_related("link"))
        outcome = outcome_of(
            [to_part(row) for row in rows],
            cancelled=self.request.cancelled_at is not None,
            verified=self.request.address_verified,
        )
        before = RequestStatus(self.request.status)
        fact = f"run-{self.request.attempt}"
        if outcome != before:
            DownloadRequest.objects.filter(pk=self.request.pk).must_move_to(outcome)
            self.request.status = outcome.value
            event = self._record(locator=None, before=before, after=outcome, reason=reason)
            fact = f"event-{event.pk}"
            if outcome in SIGNAL_FOR:
                announce_order(SIGNAL_FOR[outcome], self.request.pk)
        self._enqueue_mails(outcome, changed=outcome != before, delivered=delivered, fact=fact)
        self._plan_next_run(rows, outcome)
        return outcome

    def update_fields(self, **facts: Any) -> None:
        """Write columns of the request that are not its state."""
        DownloadRequest.objects.filter(pk=self.request.pk).update(**facts)
        for name, value in facts.items():
            setattr(self.request, name, value)

    def _enqueue_mails(self, outcome: RequestStatus, *, changed: bool, delivered: bool, fact: str) -> None:
        if not self.request.address_verified:
            return
        kind = NOTICE_FOR.get(outcome)
        if outcome is RequestStatus.CANCELLED and self.actor != REQUESTER:
            kind = NoticeKind.CANCELLED
        worth_it = delivered if outcome is RequestStatus.PARTLY_READY else changed
        if kind is not None and worth_it:
            enqueue_notice(self.request, kind, fact=fact)
        if self._asks_for_approval:
            enqueue_for_administrators(self.request, NoticeKind.APPROVAL_NEEDED, fact=self._asks_for_approval)
            self._asks_for_approval = ""

    def _plan_next_run(self, rows: Iterable[ResourceLocator], outcome: RequestStatus) -> None:
        """Return the request the run that its parts need, unless one is at work: that one plans when it ends."""
        if self.request.lease_owner:
            return
        now = timezone.now()
        waiting = [row for row in rows if row.status in STARTABLE_LOCATORS and outcome not in _WITHOUT_RUNS]
        due: datetime | None = min((row.retry_at or now for row in waiting), default=None)
        planned = self.request.due_at
        if due is None:
            if planned is not None:
                self.update_fields(due_at=None)
        elif planned is None or due < planned:
            self.update_fields(due_at=due, attempt=self.request.attempt + 1, run_id=None)
            start_packaging_on_commit(self.request.pk)

    def _record(self, *, locator: ResourceLocator | None, before: str, after: str, reason: str) -> RequestEvent:
        return RequestEvent.objects.create(
            request=self.request,
            locator=locator,
            from_status=str(before),
            to_status=str(after),
            reason=reason[:300],
            actor=self.actor,
        )


@contextmanager
def lock_order(request_id: int, *, actor: str) -> Iterator[OrderChange]:
    """Lock a request's row for one short change; raises `DownloadRequest.DoesNotExist`.

    Every change of a request, its locators and its links goes through here, so that no two of them interleave.
    """
    with transaction.atomic():
        yield OrderChange(DownloadRequest.objects.select_for_update().get(pk=request_id), actor=actor)


def to_part(locator: ResourceLocator) -> Part:
    """Return what the state of a request depends on, of one row."""
    return Part(
        status=LocatorStatus(locator.status),
        approval=Approval(locator.approval),
        link=LinkStatus(locator.link.status) if locator.link else None,
    )
