import pytest
from hypothesis import given
from hypothesis import strategies as st

from downman.domain.numbering import ALPHABET, LENGTH, new_number, parse_number


def test_a_number_is_short_and_holds_nothing_that_can_be_misread() -> None:
    for number in {new_number() for _ in range(500)}:
        assert (len(number), number[4]) == (LENGTH, "-")
        assert set(number) <= {*ALPHABET, "-"}
        assert not set(number) & set("ILOU")
        assert parse_number(number) == number


def test_numbers_differ() -> None:
    assert len({new_number() for _ in range(2000)}) == 2000


@pytest.mark.parametrize(
    "typed",
    [
        "2FFF-043D",
        "2fff-043d",
        "2fff043d",
        " 2FFF 043D ",
        "2FFF-O43D",
        "2fff-o43d",
        "2-F-F-F-0-4-3-D",
        "2FFF\u2013043D",
    ],
)
def test_a_number_is_understood_however_it_is_typed(typed: str) -> None:
    assert parse_number(typed) == "2FFF-043D"


@pytest.mark.parametrize(
    "other", ["", "2FFF", "2FFF-043D-1", "2FFF-043U", "12345678", "1234-5678", "2FFF_043D", "é" * 8]
)
def test_what_can_be_no_number_is_none(other: str) -> None:
    assert parse_number(other) == ""


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_none(text: str) -> None:
    number = parse_number(text)
    assert not number or parse_number(number) == number
