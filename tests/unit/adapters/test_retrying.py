"""When a passing fault is tried again within a run."""

from datetime import timedelta

import pytest

from downman.domain.errors import DownloadCancelled, NoSpace, SourceMissing, SourceUnavailable, TemporaryError
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.retrying import delay_after, with_retries

LIMITS = FetchLimits()


class Failing:
    """Work that fails so many times."""

    def __init__(self, error: Exception, times: int = 100) -> None:
        self.error = error
        self.times = times
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return "done"


def no_time(_seconds: float) -> None:
    """Wait not at all."""


def test_a_passing_fault_is_tried_again_four_times() -> None:
    work = Failing(SourceUnavailable(reason="x"), times=4)
    assert with_retries(work, limits=LIMITS, pause=no_time) == "done"
    assert work.calls == 5


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (SourceUnavailable(reason="x"), 5),
        (SourceMissing(reason="x"), 1),
        (NoSpace(), 1),
        (DownloadCancelled(), 1),
        (SourceUnavailable(reason="x", retry_after=timedelta(seconds=31)), 1),
        (SourceUnavailable(reason="x", retry_after=timedelta(seconds=30)), 5),
    ],
)
def test_how_often_is_known_by_the_kind_of_fault(error: Exception, calls: int) -> None:
    work = Failing(error)
    with pytest.raises(type(error)):
        with_retries(work, limits=LIMITS, pause=no_time)
    assert work.calls == calls


def test_the_delay_doubles_with_up_to_half_as_much_again() -> None:
    for number, least in ((1, 0.5), (2, 1), (3, 2), (4, 4)):
        delay = delay_after(number, TemporaryError(), LIMITS)
        assert delay is not None
        assert least <= delay <= 1.5 * least


def test_waiting_stops_when_it_is_cancelled() -> None:
    waited: list[float] = []

    def check() -> None:
        if len(waited) == 2:
            raise DownloadCancelled

    with pytest.raises(DownloadCancelled):
        with_retries(
            Failing(TemporaryError()), limits=FetchLimits(backoff_seconds=60), check=check, pause=waited.append
        )
    assert sum(waited) < 1


def test_no_time_is_waited_beyond_the_total() -> None:
    work = Failing(TemporaryError())
    with pytest.raises(TemporaryError):
        with_retries(work, limits=FetchLimits(total_seconds=0.1), pause=no_time)
    assert work.calls == 1


def test_a_try_that_brought_something_does_not_count_and_is_followed_soon() -> None:
    brought = iter([True] * 20 + [False] * 100)
    waited: list[float] = []
    work = Failing(SourceUnavailable(reason="x"))
    with pytest.raises(SourceUnavailable):
        with_retries(work, limits=LIMITS, progressed=lambda: next(brought), pause=waited.append)
    assert work.calls == 20 + LIMITS.tries
    assert sum(waited[:20]) <= 20 * 1.5 * LIMITS.resume_seconds
