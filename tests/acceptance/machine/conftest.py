"""Machines on which downman was installed as the how-to says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.machine.checkout import as_repository
from tests.acceptance.machine.machine import SCRATCH, Machine, reason_against


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Return a machine with a repository to clone, a name for the portal, and a mail server."""
    reason = reason_against()
    if reason is not None:
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("machine")
    as_repository(folder / "repository")
    with Machine(folder) as made:
        made.type(f"REPOSITORY={SCRATCH}/repository; git config --global safe.directory '*'")
        made.type("echo 127.0.0.1 portal.example.org >> /etc/hosts")
        yield made
