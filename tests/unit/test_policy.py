from datetime import timedelta

import pytest

from downman.domain.policy import MAIL_RETRIES, SOURCE_RETRIES, DownloadPolicy, PackagingMode, RetryPolicy


def retries(policy: RetryPolicy) -> list[timedelta]:
    """Live through a failure that never passes; give the times of the tries after the first, since the first."""
    elapsed = timedelta()
    tries: list[timedelta] = []
    while (delay := policy.next_delay(len(tries) + 1, elapsed)) is not None:
        elapsed += delay
        tries.append(elapsed)
    return tries


def test_a_source_is_tried_after_5_min_1_6_and_12_hours_then_daily_for_six_days() -> None:
    times = retries(SOURCE_RETRIES)
    steps = [b - a for a, b in zip([timedelta(), *times], times, strict=False)]
    hours = [round(step.total_seconds() / 3600, 2) for step in steps]
    assert hours[:5] == [0.08, 1, 6, 12, 24]
    assert set(hours[5:]) == {24}
    assert timedelta(days=5) < times[-1] <= timedelta(days=6)


def test_a_mail_is_tried_hourly_three_times_then_every_six_hours_for_six_days() -> None:
    times = retries(MAIL_RETRIES)
    steps = [(b - a) / timedelta(hours=1) for a, b in zip([timedelta(), *times], times, strict=False)]
    assert steps[:3] == [1, 1, 1]
    assert set(steps[3:]) == {6}
    assert timedelta(days=5) < times[-1] <= timedelta(days=6)


@pytest.mark.parametrize(
    ("behaviour", "packaged"),
    [
        (PackagingMode.ALL, (True, True)),
        (PackagingMode.DYNAMIC, (False, True)),
        (PackagingMode.NEVER, (False, False)),
    ],
)
def test_what_is_packaged_follows_from_the_mode_and_from_what_the_source_is(
    behaviour: PackagingMode, packaged: tuple[bool, bool]
) -> None:
    policy = DownloadPolicy(behaviour=behaviour)
    assert (policy.packages(is_static=True), policy.packages(is_static=False)) == packaged


@pytest.mark.parametrize("days", [1, 2, 7, 365])
def test_a_source_that_asks_for_a_long_wait_is_asked_again_within_a_day_until_our_own_end(days: int) -> None:
    elapsed, tries = timedelta(), 0
    while True:
        tries += 1
        delay = SOURCE_RETRIES.next_delay(tries, elapsed, at_least=timedelta(days=days))
        if delay is None:
            break
        assert delay == timedelta(days=1)
        elapsed += delay
    assert elapsed == SOURCE_RETRIES.give_up_after
