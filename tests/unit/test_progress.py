from itertools import pairwise

import pytest

from downman.domain.progress import to_percent


@pytest.mark.parametrize(
    ("parts", "percent"),
    [
        ((), 0),
        (((0, None),), 0),
        (((5, None),), 0),
        (((0, 0),), 0),
        (((50, 100),), 50),
        (((100, 100),), 99),  # the package is still to be made
        (((300, 100),), 99),
        (((100, 100), (0, None)), 50),
        (((100, 100), (50, None)), 75),
        (((100, 100), (900, None)), 99),
        (((1, 3), (0, 10**18)), 0),
    ],
)
def test_progress_is_counted_from_what_is_known(parts: tuple[tuple[int, int | None], ...], percent: int) -> None:
    assert to_percent(parts) == percent


def test_progress_never_goes_back_while_bytes_come() -> None:
    steps = [to_percent(((done, 200), (done // 2, None), (done, 1000))) for done in range(200)]
    assert all(before <= after for before, after in pairwise(steps))
    assert steps[-1] > steps[0]
