from pathlib import Path

import pytest

from tests.reference_pages.pages import pages


@pytest.mark.parametrize(
    ("path", "text"), pages().items(), ids=lambda item: item.name if isinstance(item, Path) else ""
)
def test_the_reference_says_what_the_code_says(path: Path, text: str) -> None:
    assert path.read_text() == text, "run: python -m tests.reference_pages"
