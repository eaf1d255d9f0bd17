"""How a state is kept in a column: its choices, its constraint, and the one way to change it."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from django.db import models
from django.utils import timezone

from downman.domain import errors, status

Row = TypeVar("Row", bound=models.Model)


def to_choices(states: Iterable[StrEnum]) -> list[tuple[str, str]]:
    """Return Django's choices for an enum: the value, and the value in words."""
    return [(state.value, status.describe_status(state)) for state in states]


def known_values(*, field: str, states: Iterable[StrEnum], name: str) -> models.CheckConstraint:
    """Let the database refuse a value that the enum does not know."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": [state.value for state in states]}), name=name)


class StateQuerySet(models.QuerySet[Row]):
    """Rows with a `status`; `move_to` is the only way to change it."""

    #: The table of transitions of this model's states.
    transitions: Mapping[Any, frozenset[Any]]

    def movable_to(self, target: StrEnum) -> "StateQuerySet[Row]":
        """Keep the rows whose state may be followed by `target`."""
        return self.filter(status__in=status.sources_of(self.transitions, target))

    def move_to(self, target: StrEnum, **facts: Any) -> int:
        """Set the state and the facts that go with it, of those rows that may have it; give how many they were."""
        return self.movable_to(target).update(status=target, updated_at=timezone.now(), **facts)

    def must_move_to(self, target: StrEnum, **facts: Any) -> None:
        """Do the same to exactly one row, or raise `IllegalTransition`."""
        if not self.move_to(target, **facts):
            now = self.values_list("status", flat=True).first()
            raise errors.IllegalTransition(status=str(now or "gone"))
