"""What happens in one chaos run, all of it decided by the seed before it begins."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.troubles import TROUBLES

#: What a part is fetched from, how often, and how it must end.
SOURCES: dict[str, tuple[int, str]] = {
    "plain/{}": (30, "delivered"),
    "lazy/20/{}": (20, "delivered"),
    "lazy/60/{}": (10, "delivered"),
    "reset/2/{}": (8, "delivered"),
    "unwell/2/{}": (6, "delivered"),
    "unwell/9/{}": (4, "delivered"),
    "busy/1/{}": (4, "delivered"),
    "chunked/{}": (4, "delivered"),
    "unmeasured/{}": (3, "delivered"),
    "status/404/{}": (5, "failed"),
    "wrongdigest/Content-MD5/{}": (3, "failed"),
    "short/{}": (3, "failed"),
}
#: The names of recipients, by the trouble that the mail server makes of them, and how often.
RECIPIENTS = {"ana": 84, "greylisted": 5, "hanging": 3, "dying": 4, "refused": 4}
#: What people do to their orders, in percent, and how many seconds after they were placed.
CANCELS, CANCELS_A_PART = 10, 10
DOES_IT_WITHIN_SECONDS = 12.0
#: Seconds between two troubles.
QUIET_SECONDS = (4.0, 10.0)


@dataclass(frozen=True, kw_only=True)
class PlannedOrder:
    """One order."""

    #: Seconds after the beginning.
    at: float
    recipient: str
    paths: tuple[str, ...]
    #: Seconds after it was placed at which it, or its first part, is cancelled.
    cancel_after: float | None = None
    cancel_part_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that happens."""

    orders: Sequence[PlannedOrder]
    #: When which trouble is made.
    troubles: Sequence[tuple[float, str]]


def plan(*, seed: int, orders: int, seconds: float) -> Plan:
    """Decide everything; the same seed decides the same."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    planned = [_order(chance, number, chance.uniform(0, seconds)) for number in range(orders)]
    troubles, at = [], chance.uniform(*QUIET_SECONDS)
    # Each at least once, in an order that chance decides; then any.
    sure = chance.sample(sorted(TROUBLES), len(TROUBLES))
    while at < seconds:
        troubles.append((at, sure.pop() if sure else chance.choice(sorted(TROUBLES))))
        at += chance.uniform(*QUIET_SECONDS)
    return Plan(orders=sorted(planned, key=lambda order: order.at), troubles=troubles)


def expected_end(path: str) -> str:
    """Return how a part from this source must end, when nobody cancels it."""
    behaviour = path.partition("/")[0]
    return next(end for source, (_, end) in SOURCES.items() if source.partition("/")[0] == behaviour)


def _order(chance: random.Random, number: int, at: float) -> PlannedOrder:
    sources = chance.choices(list(SOURCES), [often for often, _ in SOURCES.values()], k=chance.choice((1, 1, 2, 3)))
    (name,) = chance.choices(list(RECIPIENTS), list(RECIPIENTS.values()))
    does, after = chance.uniform(0, 100), chance.uniform(0, DOES_IT_WITHIN_SECONDS)
    return PlannedOrder(
        at=at,
        recipient=f"{name}-{number}@example.org",
        paths=tuple(source.format(f"{number}-{place}.bin") for place, source in enumerate(sources)),
        cancel_after=after if does < CANCELS else None,
        cancel_part_after=after if CANCELS <= does < CANCELS + CANCELS_A_PART else None,
    )
