"""Whatever is done to a portal, in whatever sequence: what it keeps of its orders stays true.

Hypothesis makes up the sequences from every verb of the services, on a real database. A verb that is refused must
change nothing; after each verb everything that must always be so is looked up. Time passes by moving all times in the
database into the past.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import hypothesis
import pytest
from django.db import models, transaction
from django.db.models import F
from django.test import override_settings
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from pytest_django.fixtures import Settings

from downman.domain.errors import (
    DownmanError,
    ExtensionRefused,
    IllegalTransition,
    LeaseLost,
    NoSpace,
    OrderRefused,
    SourceMissing,
    TransferInterrupted,
)
from downman.domain.notices import NOTICE_FOR, NOTICE_FOR_GENERIC, NoticeKind
from downman.domain.policy import Delivery, PackagingMode
from downman.domain.request import FreeTextRequest, outcome_of
from downman.domain.status import (
    ENDED_REQUESTS,
    LOCATOR_TRANSITIONS,
    REQUEST_TRANSITIONS,
    STARTABLE_LOCATORS,
    STOPPED_LOCATORS,
    Approval,
    GenericStatus,
    LinkStatus,
    LocatorStatus,
    NoticeStatus,
    RequestStatus,
)
from downman.models import (
    DownloadLink,
    DownloadRequest,
    GenericRequest,
    Notice,
    PolicyRecord,
    RequestEvent,
    Resource,
    ResourceLocator,
)
from downman.services import (
    approvals,
    cancelling,
    change_email,
    extending,
    generic,
    leases,
    notices,
    ordering,
    outcome,
    purge,
    recovery,
    retention,
    retrying,
    tracking,
)
from downman.services.leases import Claim
from downman.services.outcome import NeedsApproval, NewLink
from downman.services.package_storage import package_target
from downman.services.transitions import REQUESTER, to_part
from tests.integration.orders import order

MODELS: tuple[Any, ...] = (DownloadRequest, ResourceLocator, DownloadLink, Notice, RequestEvent, GenericRequest)
REFUSALS = (IllegalTransition, LeaseLost, ExtensionRefused)
PLENTY = 10**15

ACTORS = st.sampled_from([REQUESTER, "root"])
#: How a run ends for one part; None: the run says nothing of it.
ENDS = st.sampled_from(
    [
        "delivered",
        "delivered",
        "delivered",
        TransferInterrupted(received=1, expected=2, reason="x"),
        SourceMissing(reason="HTTP 404"),
        NoSpace(),
        NeedsApproval(size=10**9),
        None,
    ]
)
ADDRESSES = st.sampled_from(["ana@example.org", "eva@example.org", "root@example.org"])
TIMES = st.sampled_from([timedelta(minutes=2), timedelta(hours=7), timedelta(days=6), timedelta(days=200)])
#: What is done, and how often in comparison with the rest.
VERBS: Mapping[str, int] = {
    "record": 5, "claim": 3, "time_passes": 4, "cancel_resource": 3, "accept": 2, "clean": 2, "cancel_link": 2,
    "release": 1, "hold": 2, "recover": 2, "reject": 1, "place": 2, "extend": 1, "order_again": 1, "resend": 1,
    "send_mails": 1, "change_email": 1, "beat": 1, "ask_in_words": 1, "cancel_request": 1,
    "try_now": 1, "purge": 1,
}  # fmt: skip
Rows = Mapping[Any, list[Any]]
Draw = Callable[[st.SearchStrategy[Any]], Any]


class Portal(RuleBasedStateMachine):
    """A portal with a few orders, its administrators and its jobs.

    One rule chooses among the verbs by their weights: left to itself, Hypothesis would hardly let a run come to its
    end.
    """

    def __init__(self) -> None:
        super().__init__()
        self._example = transaction.atomic()
        self._example.__enter__()
        self._rows = rows()
        self._claims: list[Claim] = []

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self._example.__exit__(None, None, None)

    @initialize(behaviour=st.sampled_from(PackagingMode))
    def open(self, behaviour: PackagingMode) -> None:
        PolicyRecord(behaviour=behaviour.value).save()
        order("dem", "roads", "tin")
        order("dem", "large", "secret")

    @rule(verb=st.sampled_from([verb for verb, weight in VERBS.items() for _ in range(weight)]), data=st.data())
    def do(self, verb: str, data: st.DataObject) -> None:
        # All orders may have been forgotten.
        getattr(self, verb if self._rows[DownloadRequest] else "place")(data.draw)

    @invariant()
    def everything_is_as_it_must_be(self) -> None:
        before, self._rows = self._rows, rows()
        for kept in orders_of(self._rows):
            check_state(kept)
            check_next_run(kept)
            check_parts_and_links(kept)
            check_history(kept)
            check_mails(kept)
        check_wishes(self._rows)
        left = {row.pk for row in self._rows[DownloadRequest]}
        assert {row.status for row in before[DownloadRequest] if row.pk not in left} <= ENDED_REQUESTS

    # What people do.

    def place(self, draw: Draw) -> None:
        if sum(row.status not in ENDED_REQUESTS for row in self._rows[DownloadRequest]) < 3:
            PolicyRecord(behaviour=draw(st.sampled_from(PackagingMode)).value).save()
            order(*sorted(draw(st.sets(st.sampled_from(["dem", "roads", "tin", "secret"]), min_size=1))))

    def accept(self, draw: Draw) -> None:
        part = self._part(draw, lambda row: row.approval == Approval.PENDING)
        with self._done_or_refused():
            approvals.accept(part.pk, actor="root")

    def reject(self, draw: Draw) -> None:
        part = self._part(draw, lambda row: row.approval == Approval.PENDING)
        with self._done_or_refused():
            approvals.reject(part.pk, actor="root")

    def hold(self, draw: Draw) -> None:
        part = self._part(draw, lambda row: row.status not in STOPPED_LOCATORS)
        with self._done_or_refused():
            approvals.hold(part.pk, actor="root")

    def release(self, draw: Draw) -> None:
        part = self._part(draw, lambda row: row.status == LocatorStatus.ON_HOLD)
        with self._done_or_refused():
            approvals.release(part.pk, actor="root")

    def cancel_resource(self, draw: Draw) -> None:
        part = self._part(draw, lambda row: row.status == LocatorStatus.DELIVERED)
        offered = tracking.track(part.request).resources[part.position].can_cancel
        with self._done_or_refused(not_if=offered):
            cancelling.cancel_resource(part.pk, actor=draw(ACTORS))

    def cancel_link(self, draw: Draw) -> None:
        if links := self._rows[DownloadLink]:
            link = draw(fitting_first(links, lambda row: row.status == LinkStatus.ACTIVE))
            with self._done_or_refused():
                cancelling.cancel_link(link.pk, actor=draw(ACTORS))

    def cancel_request(self, draw: Draw) -> None:
        with self._done_or_refused():
            cancelling.cancel_request(self._order(draw).pk, actor=draw(ACTORS))

    def extend(self, draw: Draw) -> None:
        request = self._order(draw, lambda row: row.status in {RequestStatus.READY, RequestStatus.PARTLY_READY})
        offered = tracking.track(request).can_extend
        with self._done_or_refused(not_if=offered):
            extending.extend(request.pk, actor=draw(ACTORS))
            assert offered

    def order_again(self, draw: Draw) -> None:
        request = self._order(draw, lambda row: row.status in ENDED_REQUESTS)
        offered = tracking.track(request).can_order_again
        with self._done_or_refused(not_if=offered):
            ordering.order_again(request)
            assert offered

    def change_email(self, draw: Draw) -> None:
        change_email.change_email(self._order(draw).pk, draw(ADDRESSES), actor="root")

    def try_now(self, draw: Draw) -> None:
        part = self._part(draw, lambda row: row.status == LocatorStatus.RETRYING)
        with self._done_or_refused():
            retrying.try_now(part.request_id, actor="root")

    def purge(self, draw: Draw) -> None:
        if draw(st.booleans()):
            list(purge.purge_mails())
        else:
            list(purge.purge_orders(actor="root"))
            assert purge.count_orders() == purge.Waiting(queued=0, partly_ready=0)

    def ask_in_words(self, draw: Draw) -> None:
        wishes = self._rows[GenericRequest]
        if len(wishes) < 2:
            generic.register(FreeTextRequest(email="ana@example.org", description="A map of the moon."))
        else:
            with self._done_or_refused():
                generic.decide(draw(fitting_first(wishes)).pk, draw(st.sampled_from(GenericStatus)), actor=draw(ACTORS))

    # What workers do.

    def claim(self, draw: Draw) -> None:
        now = timezone.now()
        request = self._order(draw, lambda row: row.due_at is not None and row.due_at <= now)
        free_bytes = draw(st.sampled_from([PLENTY, PLENTY, PLENTY, 0]))
        claim = leases.claim(request.pk, owner=draw(st.sampled_from(["run-1", "run-2"])), free_bytes=free_bytes)
        if isinstance(claim, Claim):
            self._claims.append(claim)

    def beat(self, draw: Draw) -> None:
        if self._claims:
            claim = draw(st.sampled_from(self._claims))
            with self._done_or_refused():
                leases.renew_lease(claim, {part.locator_id: (7, None) for part in claim.parts})

    def record(self, draw: Draw) -> None:
        """Let a run come to its end, once more without what was cancelled meanwhile."""
        if not self._claims:
            self.claim(draw)
            self._rows = rows()
        if self._claims:
            claim = self._claims.pop(draw(st.integers(0, len(self._claims) - 1)))
            ends = {part.locator_id: draw(ENDS) for part in claim.parts}
            with self._done_or_refused():
                if self._record(claim, ends) is None:
                    assert facts_of(rows()) == facts_of(self._rows)
                    gone = leases.renew_lease(claim, {})
                    assert self._record(claim, {pk: end for pk, end in ends.items() if pk not in gone}) is not None

    def _record(self, claim: Claim, ends: Mapping[int, Any]) -> RequestStatus | None:
        told = deliveries_told(claim.request_id)
        made = links_of(claim, [pk for pk, end in ends.items() if end == "delivered"])
        failures = {pk: end for pk, end in ends.items() if isinstance(end, DownmanError | NeedsApproval)}
        status = outcome.record(claim, links=made, failures=failures, sizes=dict.fromkeys(ends, 5))
        if made and status is not None:
            assert deliveries_told(claim.request_id) == told + 1
        return status

    # What time and its jobs do.

    def time_passes(self, draw: Draw) -> None:
        delta = draw(TIMES)
        for model in MODELS:
            fields = model._meta.fields  # noqa: SLF001 - Django's documented way to them
            times = [field.name for field in fields if isinstance(field, models.DateTimeField)]
            model.objects.update(**{name: F(name) - delta for name in times})

    def recover(self, _draw: Draw) -> None:
        recovery.recover_stalled()
        assert not DownloadRequest.objects.filter(lease_until__lt=timezone.now()).exists()

    def clean(self, draw: Draw) -> None:
        budget = draw(st.sampled_from([0, 0, 0, 1]))
        with override_settings(DOWNLOADS_STORAGE_BUDGET_BYTES=budget, DOWNLOADS_EVICT_PROMISED=True):
            retention.clean_expired()
        active = DownloadLink.objects.filter(status=LinkStatus.ACTIVE)
        assert not active.filter(expires_at__lte=timezone.now()).exists()
        assert not budget or not active.filter(delivery=Delivery.PACKAGE).exists()

    def send_mails(self, draw: Draw) -> None:
        for notice in notices.claim_due(4):
            if draw(st.booleans()):
                notices.mark_sent(notice)
            else:
                notices.mark_failed(notice, "x", is_permanent=draw(st.booleans()))

    def resend(self, draw: Draw) -> None:
        notices.resend(draw(fitting_first(self._rows[Notice], lambda row: row.status == NoticeStatus.SENT)).pk)

    def _order(self, draw: Draw, fits: Callable[[Any], bool] = lambda _row: True) -> DownloadRequest:
        return DownloadRequest.objects.get(pk=draw(fitting_first(self._rows[DownloadRequest], fits)).pk)

    def _part(self, draw: Draw, fits: Callable[[Any], bool]) -> ResourceLocator:
        return ResourceLocator.objects.get(pk=draw(fitting_first(self._rows[ResourceLocator], fits)).pk)

    @contextmanager
    def _done_or_refused(self, *, not_if: bool = False) -> Iterator[None]:
        """Let a verb be refused, but not if it was offered, and see to it that it has changed nothing then."""
        try:
            yield
            refused = False
        except OrderRefused:
            # What the catalogue no longer offers is found only when it is ordered.
            refused = True
        except REFUSALS:
            refused = True
            assert not not_if
        assert not refused or facts_of(rows()) == facts_of(self._rows)


def fitting_first(kept: list[Any], fits: Callable[[Any], bool] = lambda _row: True) -> st.SearchStrategy[Any]:
    """Choose among rows, more often among those that fit."""
    return st.sampled_from([row for row in kept if fits(row)] * 6 + kept)


def rows() -> Rows:
    """Return everything that the services keep."""
    return {model: list(model.objects.order_by("pk")) for model in MODELS}


def facts_of(kept: Rows) -> list[dict[str, Any]]:
    """Return what rows hold, so that it can be compared."""
    return [{**vars(row), "_state": None} for model in MODELS for row in kept[model]]


@dataclass(frozen=True)
class Kept:
    """One order with all that belongs to it."""

    request: DownloadRequest
    parts: list[ResourceLocator]
    links: list[DownloadLink]
    events: list[RequestEvent]
    mails: list[Notice]


def orders_of(kept: Rows) -> Iterator[Kept]:
    links = {row.pk: row for row in kept[DownloadLink]}
    for part in kept[ResourceLocator]:
        part.link = links.get(part.link_id)
    of_orders = (ResourceLocator, DownloadLink, RequestEvent, Notice)
    for request in kept[DownloadRequest]:
        yield Kept(request, *([row for row in kept[model] if row.request_id == request.pk] for model in of_orders))


def check_state(kept: Kept) -> None:
    outcome = outcome_of([to_part(row) for row in kept.parts], cancelled=kept.request.cancelled_at is not None)
    assert kept.request.status == outcome


def check_next_run(kept: Kept) -> None:
    """Nothing that can be started is forgotten or late, and nothing else is started."""
    request, now = kept.request, timezone.now()
    waiting = [row.retry_at or now for row in kept.parts if row.status in STARTABLE_LOCATORS]
    assert bool(request.lease_owner) == (request.lease_until is not None)
    if not request.lease_owner:
        assert request.reserved_bytes == 0
        assert not any(row.status == LocatorStatus.FETCHING for row in kept.parts)
    if waiting and not request.lease_owner:
        assert request.due_at is not None
        assert request.due_at <= min(waiting)
    else:
        assert request.due_at is None


def check_parts_and_links(kept: Kept) -> None:
    active = [row for row in kept.links if row.status == LinkStatus.ACTIVE]
    delivered = {row.link_id for row in kept.parts if row.status == LocatorStatus.DELIVERED}
    # What was delivered behind a link that was cancelled is cancelled, or packaged again.
    assert delivered <= {row.pk for row in kept.links if row.status in {LinkStatus.ACTIVE, LinkStatus.EXPIRED}}
    assert {row.status for row in kept.parts if row.approval == Approval.PENDING} <= {"awaiting_approval", "cancelled"}
    assert {row.status for row in kept.parts if row.approval == Approval.REJECTED} <= {"cancelled"}
    assert not (active and kept.request.status in ENDED_REQUESTS)
    assert not any(row.deleted_at for row in active)
    # Each leads to something that was delivered, or lies beside one that does.
    assert {row.main_link_id or row.pk for row in active} <= delivered & {row.pk for row in active}


def check_history(kept: Kept) -> None:
    """The events are moves that the tables know, from the first state to the present one, without a gap."""
    # A note changes no state.
    noted = {state: {state, *targets} for state, targets in REQUEST_TRANSITIONS.items()}
    check_moves([("", "queued"), *moves_of(kept, None)], {"": {"queued"}, **noted}, kept.request.status)
    for part in kept.parts:
        check_moves(moves_of(kept, part.pk), {"": {"queued", "awaiting_approval"}, **LOCATOR_TRANSITIONS}, part.status)


def moves_of(kept: Kept, part: int | None) -> list[tuple[str, str]]:
    return [(row.from_status, row.to_status) for row in kept.events if row.locator_id == part]


def check_moves(moves: list[tuple[str, str]], table: Mapping[Any, Collection[str]], now: str) -> None:
    assert all(target in table[source] for source, target in moves), moves
    assert all(before[1] == after[0] for before, after in pairwise([("", ""), *moves, (now, "")])), moves


def check_mails(kept: Kept) -> None:
    """Each fact is told once, and what the requester or an administrator must know is told at all."""
    assert len({(row.kind, row.fact, row.recipient) for row in kept.mails}) == len(kept.mails)
    kinds = {row.kind for row in kept.mails}
    moves = [row for row in kept.events if row.locator_id is None and row.from_status != row.to_status]
    if moves:
        kind = NOTICE_FOR.get(RequestStatus(kept.request.status))
        if kept.request.status == RequestStatus.CANCELLED and moves[-1].actor != REQUESTER:
            kind = NoticeKind.CANCELLED
        # A request may become partly ready without anything new that can be taken; `record` looks at those.
        told = {(row.kind, row.fact) for row in kept.mails}
        assert kind in {None, NoticeKind.PROGRESS} or (kind, f"event-{moves[-1].pk}") in told
    undecided = [row for row in kept.parts if row.status == LocatorStatus.AWAITING_APPROVAL]
    assert not undecided or NoticeKind.APPROVAL_NEEDED in kinds
    assert NoticeKind.EXPIRING in kinds or not any(row.warned_at for row in kept.links)


def check_wishes(kept: Rows) -> None:
    for wish in kept[GenericRequest]:
        kind = NOTICE_FOR_GENERIC.get(GenericStatus(wish.status))
        told = {row.kind for row in kept[Notice] if row.generic_request_id == wish.pk}
        assert kind in {None, *told} or wish.decided_by == REQUESTER


def deliveries_told(number: int) -> int:
    """Count the mails that say that something new can be taken."""
    kinds = (NoticeKind.PROGRESS, NoticeKind.READY, NoticeKind.READY_WITH_ERRORS)
    return Notice.objects.filter(request=number, kind__in=kinds).exclude(fact__contains="again").count()


def links_of(claim: Claim, delivered: Collection[int]) -> list[NewLink]:
    """Make the links of a run as a worker does: one package, and the others each with a file that lies beside it."""
    packaged = tuple(part.locator_id for part in claim.parts if part.packaged and part.locator_id in delivered)
    alone = [part.locator_id for part in claim.parts if not part.packaged and part.locator_id in delivered]
    target = package_target(claim.request_id, claim.attempt, "a.zip")
    package = NewLink(
        delivery=Delivery.PACKAGE, name="a.zip", target=target, size=10, sha256="0" * 64, locator_ids=packaged
    )
    files = [
        NewLink(delivery=Delivery.FILE, name="a.tif", target="file:///a.tif", size=5, locator_ids=ids)
        for pk in alone
        for ids in ((pk,), ())
    ]
    return [*([package] if packaged else []), *files]


@pytest.mark.django_db
def test_whatever_is_done_the_rows_stay_true(settings: Settings) -> None:
    settings.DOWNLOADS_ADMINISTRATORS = ["root@example.org"]
    for facts in (
        {"id": "dem"},
        {"id": "roads", "source": "file"},
        {"id": "tin"},
        {"id": "secret", "restricted": True},
        {"id": "large", "size_bytes": 10**9},
    ):
        Resource.objects.create(**{"title": facts["id"], "source": "http", "url": "http://127.0.0.1/x", **facts})
    # To explain a failure, Hypothesis would trace every line of Django: minutes, in which pytest ends the test unsaid.
    phases = set(hypothesis.Phase) - {hypothesis.Phase.explain}
    run_state_machine_as_test(
        Portal, settings=hypothesis.settings(max_examples=50, stateful_step_count=40, deadline=None, phases=phases)
    )
