"""How far an order is, counted from what is known of its parts."""

from collections.abc import Collection
from fractions import Fraction

#: 100 is kept for what can be taken: all bytes are here before the package is.
ALMOST = 99


def to_percent(parts: Collection[tuple[int, int | None]]) -> int:
    """Return how much of the parts (bytes so far, bytes in all) is here: 0 to 99.

    A part whose source has not said how much it sends is reckoned as large as the others are on average, until its
    size is known.
    """
    known = [total for _, total in parts if total is not None]
    if not sum(known):
        return 0
    mean = Fraction(sum(known), len(known))
    sizes = [(done, Fraction(total) if total is not None else mean) for done, total in parts]
    here = sum((min(Fraction(done), size) for done, size in sizes), Fraction())
    return min(ALMOST, int(100 * here / sum(size for _, size in sizes)))
