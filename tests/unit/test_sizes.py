import pytest

from downman.domain.sizes import format_size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1250, "1.3 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (150_000, "150 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_500_000, "1.5 MB"),
        (3_000_000_000, "3.0 GB"),
        (7_200_000_000_000_000, "7200 TB"),
        (-1_500_000, "-1.5 MB"),
    ],
)
def test_a_size_is_said_in_the_unit_that_keeps_it_short(count: int, text: str) -> None:
    assert format_size(count) == text
