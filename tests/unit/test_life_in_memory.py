"""Whatever is done to an order, in whatever sequence: its state follows from its parts, by moves that its table knows.

The verbs of the services are told here once more, without a database: what each of them moves, and nothing else.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from downman.domain.request import Part, outcome_of
from downman.domain.status import (
    ENDED_REQUESTS,
    LINK_TRANSITIONS,
    LOCATOR_TRANSITIONS,
    OPEN_REQUESTS,
    REQUEST_TRANSITIONS,
    SETTLED_LOCATORS,
    STARTABLE_LOCATORS,
    Approval,
    LinkStatus,
    LocatorStatus,
    RequestStatus,
    get_final_statuses,
)

#: How a run may end for one part.
ENDS = LOCATOR_TRANSITIONS[LocatorStatus.FETCHING] - {LocatorStatus.CANCELLED}
LINK_ENDS = sorted(LINK_TRANSITIONS[LinkStatus.ACTIVE], reverse=True)
#: What is done, and how often in comparison with the rest.
VERBS: Mapping[str, int] = {
    "record": 6, "claim": 5, "end_link": 3, "cancel_resource": 3, "decide": 3, "hold": 2, "release": 2,
    "lose_the_worker": 1, "cancel": 1,
}  # fmt: skip
RESTRICTED = st.lists(st.booleans(), min_size=1, max_size=4)
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass
class Link:
    status: LinkStatus = LinkStatus.ACTIVE

    def end(self, target: LinkStatus) -> bool:
        """End it if it can be ended so; say whether it was."""
        moved = target in LINK_TRANSITIONS[self.status]
        self.status = target if moved else self.status
        return moved


@dataclass
class Resource:
    status: LocatorStatus
    approval: Approval = Approval.NOT_REQUIRED
    link: Link | None = None

    def move(self, target: LocatorStatus) -> bool:
        """Move it if its table says so; say whether it moved."""
        moved = target in LOCATOR_TRANSITIONS[self.status]
        self.status = target if moved else self.status
        return moved

    def part(self) -> Part:
        return Part(status=self.status, approval=self.approval, link=self.link.status if self.link else None)


class OneOrder(RuleBasedStateMachine):
    """One order from its beginning to its end, and what is tried on it after that.

    One rule chooses among the verbs by their weights: left to itself, Hypothesis would hardly deliver anything.
    """

    def __init__(self) -> None:
        super().__init__()
        self.resources: list[Resource] = []
        self.cancelled = False
        self.status = RequestStatus.QUEUED

    @initialize(restricted=RESTRICTED)
    def place(self, restricted: list[bool]) -> None:
        self.cancelled, self.status = False, RequestStatus.QUEUED
        self.resources = [
            Resource(LocatorStatus.AWAITING_APPROVAL, Approval.PENDING)
            if needs_approval
            else Resource(LocatorStatus.QUEUED)
            for needs_approval in restricted
        ]
        self._settle()

    @rule(verb=st.sampled_from([verb for verb, weight in VERBS.items() for _ in range(weight)]), data=st.data())
    def do(self, verb: str, data: st.DataObject) -> None:
        """Do it; once in a while another order takes the place of one that has ended."""
        if self.status in ENDED_REQUESTS and not data.draw(st.booleans()):
            self.place(data.draw(RESTRICTED))
        getattr(self, verb)(data.draw)
        self._settle()

    def claim(self, draw: Draw) -> None:
        if self.status in OPEN_REQUESTS:
            self._move(self._in(LocatorStatus.FETCHING), LocatorStatus.QUEUED)
            due = [item for item in self.resources if item.status in STARTABLE_LOCATORS and not draw(st.booleans())]
            room = draw(st.sampled_from([True, True, True, False]))
            self._move(due, LocatorStatus.FETCHING if room else LocatorStatus.WAITING_FOR_SPACE)

    def record(self, draw: Draw) -> None:
        if not self._in(LocatorStatus.FETCHING):
            self.claim(draw)
            self._settle()
        package = Link()
        for item in self._in(LocatorStatus.FETCHING):
            item.move(draw(st.sampled_from([LocatorStatus.DELIVERED, *sorted(ENDS)])))
            if item.status is LocatorStatus.DELIVERED:
                item.link = Link() if draw(st.booleans()) else package
            if item.status is LocatorStatus.AWAITING_APPROVAL:
                item.approval = Approval.PENDING

    def lose_the_worker(self, _draw: Draw) -> None:
        self._move(self._in(LocatorStatus.FETCHING), LocatorStatus.QUEUED)

    def decide(self, draw: Draw) -> None:
        item = draw(st.sampled_from(self._in(LocatorStatus.AWAITING_APPROVAL) or self.resources))
        if item.status is LocatorStatus.AWAITING_APPROVAL:
            item.approval = draw(st.sampled_from([Approval.ACCEPTED, Approval.REJECTED]))
            item.move(LocatorStatus.QUEUED if item.approval is Approval.ACCEPTED else LocatorStatus.CANCELLED)

    def hold(self, draw: Draw) -> None:
        draw(st.sampled_from(self.resources)).move(LocatorStatus.ON_HOLD)

    def release(self, draw: Draw) -> None:
        item = draw(st.sampled_from(self._in(LocatorStatus.ON_HOLD) or self.resources))
        if item.status is LocatorStatus.ON_HOLD:
            item.move(LocatorStatus.QUEUED)

    def cancel_resource(self, draw: Draw) -> None:
        item = draw(st.sampled_from(self.resources))
        cancelled = self.status not in ENDED_REQUESTS and item.move(LocatorStatus.CANCELLED)
        if cancelled and item.link and item.link.end(LinkStatus.CANCELLED_BY_USER):
            self._move(self._behind(item.link), LocatorStatus.QUEUED)

    def end_link(self, draw: Draw) -> None:
        link = draw(st.sampled_from(self._in(LocatorStatus.DELIVERED) or self.resources)).link
        end = draw(st.sampled_from(LINK_ENDS))
        if link and link.end(end) and end is not LinkStatus.EXPIRED:
            self._move(self._behind(link), LocatorStatus.CANCELLED)

    def cancel(self, _draw: Draw) -> None:
        if self.status not in ENDED_REQUESTS:
            for item in self.resources:
                if item.link:
                    item.link.end(LinkStatus.CANCELLED_BY_USER)
            self._move(self.resources, LocatorStatus.CANCELLED)
            self.cancelled = True

    @invariant()
    def what_is_over_is_over(self) -> None:
        if self.status in ENDED_REQUESTS:
            assert all(item.status in SETTLED_LOCATORS for item in self.resources)
            assert all(item.link.status in get_final_statuses(LINK_TRANSITIONS) for item in self.resources if item.link)

    @invariant()
    def an_undecided_resource_waits(self) -> None:
        undecided = [item.status for item in self.resources if item.approval is Approval.PENDING]
        assert set(undecided) <= {LocatorStatus.AWAITING_APPROVAL, LocatorStatus.CANCELLED}

    @invariant()
    def what_was_rejected_is_not_delivered(self) -> None:
        rejected = [item.status for item in self.resources if item.approval is Approval.REJECTED]
        assert set(rejected) <= {LocatorStatus.CANCELLED}

    def _settle(self) -> None:
        """Make the state what the parts say; its table must allow it. The state that is never left has no moves."""
        before, self.status = (
            self.status,
            outcome_of([item.part() for item in self.resources], cancelled=self.cancelled),
        )
        allowed = self.status in {before, *REQUEST_TRANSITIONS[before]}
        assert allowed, f"{before} -> {self.status}: {self.resources}"

    def _in(self, status: LocatorStatus) -> list[Resource]:
        return [item for item in self.resources if item.status is status]

    def _behind(self, link: Link) -> list[Resource]:
        return [item for item in self._in(LocatorStatus.DELIVERED) if item.link is link]

    @staticmethod
    def _move(resources: Iterable[Resource], target: LocatorStatus) -> None:
        for item in resources:
            item.move(target)


OneOrder.TestCase.settings = settings(max_examples=700, stateful_step_count=25, deadline=None)
TestOneOrder = OneOrder.TestCase
