"""Machines on which downman was installed as the how-to says."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.machine.checkout import as_repository
from tests.acceptance.machine.machine import Machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Give a machine with a repository to clone, a name for the portal, and a mail server."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can make a machine of its own")
    folder: Path = tmp_path_factory.mktemp("machine")
    repository = as_repository(folder / "repository")
    with Machine(folder) as made:
        made.type(f"mkdir /srv/repository; mount --bind {repository} /srv/repository")
        made.type("REPOSITORY=/srv/repository; git config --global safe.directory '*'")
        made.type("echo 127.0.0.1 portal.example.org >> /etc/hosts")
        yield made
