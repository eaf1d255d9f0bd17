from collections.abc import Iterator

import pytest

from downman.domain.networks import AllowedNetwork
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.http_source import HttpSource
from tests.servers import Source

LOOPBACK = (AllowedNetwork.parse("127.0.0.1/32"),)
#: Impatient, so that a test that waits for a time-out takes a moment.
LIMITS = FetchLimits(
    read_seconds=0.5, connect_seconds=2, backoff_seconds=0.01, resume_seconds=0.01, max_bytes=50_000_000
)


@pytest.fixture
def server() -> Iterator[Source]:
    """Return a server that behaves as badly as it is asked to."""
    with Source() as running:
        yield running


@pytest.fixture
def source() -> Iterator[HttpSource]:
    """Return what is tested."""
    made = HttpSource(allowed_networks=LOOPBACK, limits=LIMITS)
    yield made
    made.close()
