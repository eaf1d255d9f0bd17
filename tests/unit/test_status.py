from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest

from downman.domain.request import Part, outcome_of
from downman.domain.status import (
    LINK_TRANSITIONS,
    LOCATOR_TRANSITIONS,
    NOTICE_TRANSITIONS,
    REQUEST_TRANSITIONS,
    Approval,
    LinkStatus,
    LocatorStatus,
    RequestStatus,
    get_final_statuses,
    sources_of,
)

TABLES: list[Mapping[Any, frozenset[Any]]] = [
    REQUEST_TRANSITIONS,
    LOCATOR_TRANSITIONS,
    LINK_TRANSITIONS,
    NOTICE_TRANSITIONS,
]


@pytest.mark.parametrize("table", TABLES)
def test_every_state_has_its_row_and_leads_to_known_states_only(table: Mapping[Any, frozenset[Any]]) -> None:
    states: frozenset[Any] = frozenset(type(next(iter(table))).__members__.values())
    assert set(table) == states
    assert all(targets <= states for targets in table.values())


@pytest.mark.parametrize("table", TABLES)
def test_sources_and_final_states_are_the_table_read_backwards(table: Mapping[Any, frozenset[Any]]) -> None:
    for source, target in product(table, table):
        assert (source in sources_of(table, target)) == (target in table[source])
    assert get_final_statuses(table) == {state for state in table if not table[state]}


def part(status: LocatorStatus, approval: Approval = Approval.NOT_REQUIRED, link: LinkStatus | None = None) -> Part:
    return Part(status=status, approval=approval, link=link)


DELIVERED = part(LocatorStatus.DELIVERED, link=LinkStatus.ACTIVE)
ENDED = part(LocatorStatus.DELIVERED, link=LinkStatus.EXPIRED)
FAILED = part(LocatorStatus.FAILED)
CANCELLED = part(LocatorStatus.CANCELLED)
REJECTED = part(LocatorStatus.CANCELLED, Approval.REJECTED)
QUEUED = part(LocatorStatus.QUEUED)
PENDING = part(LocatorStatus.AWAITING_APPROVAL, Approval.PENDING)
ON_HOLD = part(LocatorStatus.ON_HOLD)


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ([QUEUED], RequestStatus.QUEUED),
        ([QUEUED, PENDING], RequestStatus.QUEUED),
        ([PENDING], RequestStatus.AWAITING_APPROVAL),
        ([PENDING, FAILED], RequestStatus.AWAITING_APPROVAL),
        ([ON_HOLD], RequestStatus.AWAITING_APPROVAL),
        ([ON_HOLD, PENDING], RequestStatus.AWAITING_APPROVAL),
        ([ON_HOLD, QUEUED], RequestStatus.QUEUED),
        ([DELIVERED, ON_HOLD], RequestStatus.PARTLY_READY),
        ([part(LocatorStatus.FETCHING), QUEUED], RequestStatus.PACKAGING),
        ([part(LocatorStatus.RETRYING)], RequestStatus.QUEUED),
        ([part(LocatorStatus.WAITING_FOR_SPACE)], RequestStatus.QUEUED),
        ([DELIVERED, PENDING], RequestStatus.PARTLY_READY),
        ([DELIVERED, part(LocatorStatus.RETRYING)], RequestStatus.PARTLY_READY),
        ([DELIVERED], RequestStatus.READY),
        ([DELIVERED, CANCELLED], RequestStatus.READY),
        ([DELIVERED, FAILED], RequestStatus.READY_WITH_ERRORS),
        ([DELIVERED, REJECTED], RequestStatus.READY_WITH_ERRORS),
        ([FAILED], RequestStatus.FAILED),
        ([FAILED, CANCELLED], RequestStatus.FAILED),
        ([REJECTED, REJECTED], RequestStatus.REJECTED),
        ([REJECTED, CANCELLED], RequestStatus.CANCELLED),
        ([CANCELLED], RequestStatus.CANCELLED),
        ([ENDED, FAILED], RequestStatus.EXPIRED),
        ([ENDED, DELIVERED], RequestStatus.READY),
        ([ENDED, QUEUED], RequestStatus.QUEUED),
    ],
)
def test_a_request_is_what_its_parts_say(parts: list[Part], outcome: RequestStatus) -> None:
    assert outcome_of(parts) == outcome


def test_a_request_cancelled_as_a_whole_is_cancelled_even_where_a_part_had_failed() -> None:
    assert outcome_of([FAILED, CANCELLED], cancelled=True) == RequestStatus.CANCELLED


def test_every_step_of_a_part_is_a_step_that_the_request_may_take() -> None:
    """Whatever two parts are and whatever move one of them makes, the request's own table allows what follows."""
    kinds = [QUEUED, PENDING, ON_HOLD, FAILED, CANCELLED, REJECTED, DELIVERED, ENDED]
    kinds += [part(status) for status in (LocatorStatus.FETCHING, LocatorStatus.RETRYING)]
    for other, moving in product(kinds, kinds):
        before = outcome_of([other, moving])
        for after in _next(moving):
            outcome = outcome_of([other, after])
            allowed = outcome == before or outcome in REQUEST_TRANSITIONS[before]
            assert allowed, f"{before} -> {outcome}: {other.status}, {moving.status} -> {after.status}"


def _next(moving: Part) -> list[Part]:
    if moving == DELIVERED:
        return [ENDED]
    if moving == ENDED:
        return []
    targets = LOCATOR_TRANSITIONS[moving.status] - {LocatorStatus.DELIVERED, LocatorStatus.AWAITING_APPROVAL}
    moved = [part(target, moving.approval) for target in targets]
    if moving.status == LocatorStatus.FETCHING:
        moved += [DELIVERED, PENDING]
    if moving == PENDING:
        moved = [part(LocatorStatus.QUEUED, Approval.ACCEPTED), REJECTED, CANCELLED]
    return moved
