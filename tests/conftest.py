"""What holds for all tests."""

from collections.abc import Iterator

import pytest

from tests.machine_state import differences, snapshot

LINES_SHOWN = 100


@pytest.fixture(scope="session", autouse=True)
def _the_machine_stays_as_it_was() -> Iterator[None]:
    """Fail at the end of the session when the tests left something behind on this machine, or changed it."""
    before = snapshot()
    yield
    lines = differences(before, snapshot())
    if len(lines) > LINES_SHOWN:
        lines[LINES_SHOWN:] = [f"and {len(lines) - LINES_SHOWN} more"]
    if lines:
        heading = "These tests, or another program meanwhile, changed the machine on which they ran:"
        pytest.fail("\n  ".join([heading, *lines]), pytrace=False)
