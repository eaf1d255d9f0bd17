import pytest

from downman.domain.errors import TransferInterrupted
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.minimum_rate import MinimumRate

LIMITS = FetchLimits(least_bytes_per_second=100, speed_seconds=60)


def test_a_source_that_trickles_is_left_after_a_span_and_a_slow_one_is_not() -> None:
    speed = MinimumRate(LIMITS, now=1000)
    for second in range(1, 301):
        speed.check(second * 100, now=1000 + second)
    speed.check(30_000 + 59, now=1359)
    with pytest.raises(TransferInterrupted, match="slowly"):
        speed.check(30_000 + 60, now=1360)


def test_a_transfer_that_begins_anew_has_a_span_of_its_own() -> None:
    speed = MinimumRate(LIMITS, now=0)
    speed.check(6000, now=60)
    speed.check(0, now=61)
    speed.check(10, now=120)
    with pytest.raises(TransferInterrupted):
        speed.check(10, now=121)
