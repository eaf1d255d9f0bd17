"""How the public number of an order is kept in a column, and how a row gets one of its own."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import IntegrityError, models, transaction

from downman.domain.numbering import LENGTH, new_number

Row = TypeVar("Row", bound=models.Model)

#: Draws; that even two of them are taken will not happen to anybody.
_ATTEMPTS = 5


def number_field() -> "models.CharField[str, str]":
    """Return the column of a public number; it is written once."""
    return models.CharField(max_length=LENGTH, default=new_number, editable=False)


def unique_number(name: str) -> models.UniqueConstraint:
    """Let the database refuse a number that another row has."""
    return models.UniqueConstraint(fields=["number"], name=name)


def create_numbered(model: type[Row], *, draw: Callable[[], str] = new_number, **facts: Any) -> Row:
    """Store a row under a number of its own; one that is taken already is drawn anew."""
    rows = model._default_manager  # noqa: SLF001 - Django's name for what everybody may use
    for _attempt in range(_ATTEMPTS):
        number = draw()
        try:
            with transaction.atomic():
                return rows.create(number=number, **facts)
        except IntegrityError:
            if not rows.filter(number=number).exists():
                raise
    raise AssertionError("Every number that was drawn is taken.")
