"""The parts that all faults share, and the faults that are begun together."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.faults.disks import small_disks
from tests.acceptance.faults.mail_server import MailServer
from tests.acceptance.faults.parts import Parts
from tests.acceptance.faults.registered import Fault
from tests.acceptance.faults.scene import Scene
from tests.certificates import expired_certificate, server_context
from tests.servers import Source

#: What makes faults quick; the page of the settings says what each of them is.
QUICK = {
    "DOWNMAN_LIMITS": "off",
    "DOWNLOADS_LEASE_SECONDS": "5",
    "DOWNLOADS_STALLED_AFTER_SECONDS": "2",
    "DOWNLOADS_SOURCE_RETRY_SECONDS": "1,2,3",
    "DOWNLOADS_SOURCE_GIVE_UP_SECONDS": "45",
    "DOWNLOADS_SPACE_RETRY_SECONDS": "2",
    "DOWNLOADS_MAIL_RETRY_SECONDS": "1,2",
    "DOWNLOADS_MAIL_TIMEOUT_SECONDS": "3",
    "DOWNLOADS_MAX_PUBLIC_BYTES": "5000000",
    "DOWNLOADS_DEFAULT_ESTIMATE_BYTES": "1000000",
    "DOWNLOADS_STAGING_RESERVE_BYTES": "1000000",
    "DOWNLOADS_PACKAGE_RESERVE_BYTES": "1000000",
    # Those that are begun together wait for their sources side by side.
    "DOWNMAN_PACKAGE_CONCURRENCY": "12",
    # A run that dies with its worker holds its place for a minute and a half; one fault is about that.
    "DOWNMAN_NOTIFY_CONCURRENCY": "4",
    "DOWNMAN_MAINTENANCE_CONCURRENCY": "4",
}


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark of the tests that take minutes."""
    config.addinivalue_line("markers", "slow: takes longer than a minute and a half")


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return the parts, ready, with a source, one whose certificate ran out, and a mail server."""
    folder = tmp_path_factory.mktemp("faults")
    parts = Parts(folder / "home", **QUICK)
    with (
        Source() as source,
        Source(tls=server_context(expired_certificate(folder))) as expired,
        MailServer(parts.smtp_port) as mails,
        small_disks(parts.folders.staging, parts.folders.packages),
        parts,
    ):
        scene = Scene(parts, mails, source, expired)
        with scene.person:
            yield scene


@pytest.fixture(scope="session")
def begun(scene: Scene, request: pytest.FixtureRequest) -> dict[str, Iterator[None]]:
    """Begin all faults of this session that hurt nobody else, so that they are waited for together."""
    begun: dict[str, Iterator[None]] = {}
    for item in request.session.items:
        # pytest does not say that tests with parameters have this.
        callspec: Any = getattr(item, "callspec", None)
        fault = callspec and callspec.params.get("fault")
        if isinstance(fault, Fault) and fault.together:
            steps = fault.inject(scene)
            assert steps is not None
            next(steps)
            begun[fault.name] = steps
    return begun
