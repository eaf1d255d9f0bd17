import string

import pytest

from downman.domain import errors


def tree(root: type[errors.DownmanError] = errors.DownmanError) -> list[type[errors.DownmanError]]:
    return [root, *(found for child in root.__subclasses__() for found in tree(child))]


def test_the_drawing_in_the_docstring_is_the_tree() -> None:
    lines = [line for line in (errors.__doc__ or "").splitlines() if line.startswith(("├", "│", "└"))]
    drawn = {line.lstrip("├│└─ ").split()[0] for line in lines}
    real = {kind.__name__ for kind in tree() if kind.__module__ == errors.__name__} - {"DownmanError"}
    assert real <= drawn


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in tree() if kind.__module__ == errors.__name__]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("sentence", errors.sentences().values())
def test_every_sentence_can_be_filled_and_ends_like_one(sentence: str) -> None:
    names = [name for _, name, _, _ in string.Formatter().parse(sentence) if name]
    assert sentence.format_map(dict.fromkeys(names, "x")).endswith((".", "x"))


def test_a_missing_detail_leaves_a_gap_instead_of_a_second_error() -> None:
    assert "(?)" in str(errors.SourceMissing())
