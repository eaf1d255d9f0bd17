"""Machines on which downman was installed as the how-to says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.machine.checkout import as_repository
from tests.acceptance.machine.machine import SCRATCH, Machine, can_be_made


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Return a machine with a repository to clone, a name for the portal, and a mail server."""
    if not can_be_made():
        pytest.skip("only root can make a machine of its own, where namespaces and cgroups may be made")
    folder: Path = tmp_path_factory.mktemp("machine")
    as_repository(folder / "repository")
    with Machine(folder) as made:
        made.type(f"REPOSITORY={SCRATCH}/repository; git config --global safe.directory '*'")
        made.type("echo 127.0.0.1 portal.example.org >> /etc/hosts")
        yield made
