"""One running demo for all tests here that only order from it; it ends with the last of them."""

from collections.abc import Iterator

import pytest

from tests.acceptance.demo import DemoProcess
from tests.acceptance.portal import Portal


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """Return a demo that is ready."""
    with DemoProcess(tmp_path_factory.mktemp("acceptance") / "home") as running:
        yield running


@pytest.fixture(scope="package")
def portal(demo: DemoProcess) -> Iterator[Portal]:
    """Return somebody who orders from it."""
    with Portal(demo) as person:
        yield person
