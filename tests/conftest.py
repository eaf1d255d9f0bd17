"""What holds for all tests."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine_state import differences, snapshot

LINES_SHOWN = 100
#: Where pytest makes its folders. Each session has one of its own: pytest closes the usual one to other users whenever
#: a session starts, and PostgreSQL, which does not run as root, can then no longer reach the data of those that run.
OWN_TEMPORARY_ROOT = "PYTEST_DEBUG_TEMPROOT"
_TEMPORARY = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Give this session a temporary folder of its own, and let what it starts end by Ctrl-C.

    A shell has what it starts in the background (`&`) ignore Ctrl-C, and all that this starts in its turn.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if OWN_TEMPORARY_ROOT not in os.environ and config.option.basetemp is None:
        folder = Path(tempfile.mkdtemp(prefix="downman-tests-"))
        config.stash[_TEMPORARY] = folder
        os.environ[OWN_TEMPORARY_ROOT] = str(folder)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Delete the folder when all went well; otherwise it is there to be looked into."""
    folder = session.config.stash.get(_TEMPORARY, None)
    if folder is not None and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(folder, ignore_errors=True)


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
