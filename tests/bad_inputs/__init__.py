"""Bad inputs and the answer to each: what tests try is what docs/reference/bad-inputs.md says.

A module of this package is a section of the page: it has a `TITLE` and `CASES`. A test is parametrized by these cases:

    from tests.bad_inputs import ids
    from tests.bad_inputs.names import CASES

    @pytest.mark.parametrize("case", CASES, ids=ids(CASES))
    def test_a_name_is_made_safe(case: Case) -> None:
        assert safe_name(case.given) == case.expected

`tests/contracts/test_reference.py` holds that each section is tried by a test; `make reference` writes the page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

_LONGEST_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class Case:
    """One bad input and the answer to it, in words for the page, and as values for the test."""

    #: What comes in, in Markdown.
    input: str
    #: What follows, in Markdown.
    answer: str
    #: What the test gives, where the words do not say it.
    given: Any = None
    #: What the test expects, where the words do not say it.
    expected: Any = None


def ids(cases: Sequence[Case]) -> list[str]:
    """Return names for pytest."""
    return [case.input.replace("`", "")[:60] for case in cases]


def shown(text: str) -> str:
    """Write a text as Markdown code: in ASCII, and no longer than people read."""
    escaped = text.encode("unicode_escape").decode()
    short = escaped if len(escaped) <= _LONGEST_SHOWN else f"{escaped[:_LONGEST_SHOWN]}…"
    return f"`` {short} ``" if "`" in short else f"`{short}`"


def sections() -> list[ModuleType]:
    """Return the modules with cases, in the order of their titles."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    return sorted(modules, key=lambda module: str(module.TITLE))


def bad_inputs_page(table: Callable[..., str]) -> str:
    """Write the page; `table` writes its tables."""
    parts = [
        f"## {module.TITLE}\n\n" + table("input", "answer", rows=[(case.input, case.answer) for case in module.CASES])
        for module in sections()
    ]
    return (
        "# Bad inputs\n\nMade from `tests/bad_inputs`: each line is tried by a test. What a source sends is delivered"
        " only where it is\nproven to be complete and to be what it should be; what people and programs send is refused"
        " with a sentence that\nsays what to change. The codes are those of [errors](errors.md).\n\n" + "\n".join(parts)
    )
