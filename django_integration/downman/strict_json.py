r"""JSON as strangers may send it: every text can be stored, every number is one, and nothing is nested too deeply.

Python reads more than RFC 8259 calls interoperable: `NaN`, half characters (`"\ud800"`), a name twice in one object.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_noop

#: Objects and lists in each other. Python's own reader and writer give up after about a thousand.
DEEPEST = 32
#: Digits of a whole number; PostgreSQL keeps those of a bigint, and Python converts no thousands of them.
MOST_DIGITS = 19
_LONGEST_PLACE = 200


_TOO_DEEP = gettext_noop("This is nested too deeply. Send a simpler structure.")
_TWICE = gettext_noop("A name stands twice in one object. Leave one of them out.")
_CHARACTER = gettext_noop("This has a character that cannot be stored. Send texts without NUL and half characters.")
_NOT_FINITE = gettext_noop("This must be a finite number.")


class UnusableJson(ValueError):
    """It cannot be taken; `place` says where, as in `resources.0.title`."""

    def __init__(self, sentence: str, place: str = "") -> None:
        """Keep a sentence for people, which has nothing of the text in it."""
        super().__init__(f"{place}: {sentence}" if place else sentence)
        self.sentence = sentence
        self.place = place


def parse_strictly(text: str | bytes) -> Any:
    """Read JSON. Raises `UnusableJson` for what no program of ours can keep, and `ValueError` for what is no JSON."""
    try:
        value = json.loads(text, object_pairs_hook=_to_object, parse_int=_to_int)
    except RecursionError as exc:
        raise UnusableJson(_TOO_DEEP) from exc
    check_json(value)
    return value


def check_json(value: Any) -> None:
    """Raise `UnusableJson` for a value that was read from JSON and that we cannot keep."""
    # Without recursion, which deep values would break.
    left: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while left:
        steps, item = left.pop()
        if len(steps) > DEEPEST:
            raise UnusableJson(_TOO_DEEP, steps[0] if is_storable(steps[0]) else "")
        place = ".".join(step for step in steps if is_storable(step))[:_LONGEST_PLACE]
        if isinstance(item, Mapping):
            if not all(map(is_storable, item)):
                raise UnusableJson(_CHARACTER, place)
            left.extend(((*steps, name), inner) for name, inner in item.items())
        elif isinstance(item, list | tuple):
            left.extend(((*steps, str(number)), inner) for number, inner in enumerate(item))
        elif isinstance(item, str) and not is_storable(item):
            raise UnusableJson(_CHARACTER, place)
        elif isinstance(item, float) and not math.isfinite(item):
            raise UnusableJson(_NOT_FINITE, place)


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL keeps a text: UTF-8 without NUL."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise UnusableJson(_TWICE)
    return made


def _to_int(digits: str) -> int | float:
    """Read a whole number; one that is too long for that becomes what its size is."""
    if len(digits.lstrip("-")) <= MOST_DIGITS:
        return int(digits)
    return float(digits)
