from pathlib import Path

import pytest

from tests.bad_inputs import sections
from tests.reference_pages.pages import ROOT, pages


@pytest.mark.parametrize(
    ("path", "text"), pages().items(), ids=lambda item: item.name if isinstance(item, Path) else ""
)
def test_the_reference_says_what_the_code_says(path: Path, text: str) -> None:
    assert path.read_text() == text, "run: python -m tests.reference_pages"


def test_each_section_of_bad_inputs_is_tried_by_a_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for module in sections():
        assert f"from {module.__name__} import" in tests, f"no test imports {module.__name__}"
