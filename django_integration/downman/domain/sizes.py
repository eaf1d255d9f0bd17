"""Numbers of bytes as people read them: the one rule of pages, e-mails and terminals.

`static/downloads/sizes.js` follows the same rule, since it rewrites what the page said.
"""

from decimal import ROUND_HALF_UP, Decimal

KILO = 1000
UNITS = ("B", "kB", "MB", "GB", "TB")
#: From here on a number needs no decimal.
_WHOLE_FROM = 100


def scale(count: int) -> tuple[Decimal, str]:
    """Return a number of bytes as an amount and its decimal unit; the amount bears the decimals to be shown.

    One decimal below 100 of a unit, none from there on and of bytes: 999 B, 1.0 kB, 99.9 kB, 100 kB, 1.0 MB.
    """
    amount = Decimal(abs(count))
    for unit in UNITS:
        shown = amount.quantize(Decimal("0.1"), ROUND_HALF_UP)
        if unit == UNITS[0] or shown >= _WHOLE_FROM:
            shown = amount.quantize(Decimal(1), ROUND_HALF_UP)
        # What rounds up to a thousand is one of the next unit.
        if shown < KILO or unit == UNITS[-1]:
            break
        amount /= KILO
    return (-shown if count < 0 else shown), unit


def format_size(count: int) -> str:
    """Return a number of bytes in words, such as `1.5 MB`; a negative one keeps its sign."""
    amount, unit = scale(count)
    return f"{amount} {unit}"
