"""The public numbers of orders: short, easy to read out, and telling nothing about how many orders there are.

The alphabet is Douglas Crockford's base 32, which leaves out the letters that look like another sign. A number opens
nothing: whoever is to see an order needs its id, which is secret.
"""

import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Signs on each side of the hyphen; 32 to the power of 8 numbers are a million million.
GROUP_LENGTH = 4
LENGTH = 2 * GROUP_LENGTH + 1

#: What people read or type in the place of a sign of the alphabet.
_LOOK_ALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})
_SIGNS = re.compile(f"[{ALPHABET}]{{{2 * GROUP_LENGTH}}}")
_GROUP = f"[{ALPHABET}]{{{GROUP_LENGTH}}}"
_NUMBER = re.compile(f"(?<![0-9A-Z]){_GROUP}-{_GROUP}(?![0-9A-Z])")


def new_number() -> str:
    """Return a random number such as `2FFF-043D`; it has a letter, so that it is never taken for a row's id."""
    while True:
        signs = "".join(secrets.choice(ALPHABET) for _ in range(2 * GROUP_LENGTH))
        if not signs.isdigit():
            return _written(signs)


def parse_number(text: str) -> str:
    """Return the number that somebody typed, as it is stored; empty for what can be none.

    Case, spaces and hyphens (or the dashes that some programs make of them) do not count, and a look-alike stands for
    its sign: `2fff o43d` is `2FFF-043D`.
    """
    signs = re.sub(r"[\s\u2010-\u2015\u2212-]", "", text).upper().translate(_LOOK_ALIKES)
    return _written(signs) if _SIGNS.fullmatch(signs) and not signs.isdigit() else ""


def find_numbers(text: str) -> list[str]:
    """Return the numbers that stand in a text as they are stored, such as the name of an order's run."""
    return _NUMBER.findall(text)


def _written(signs: str) -> str:
    return f"{signs[:GROUP_LENGTH]}-{signs[GROUP_LENGTH:]}"
