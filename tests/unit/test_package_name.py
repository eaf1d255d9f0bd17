import pytest

from downman_flows.runs.package_builder import package_name


@pytest.mark.parametrize(
    ("parts", "order_size", "name"),
    [
        ([1], 1, "downman-2FFF-043D.zip"),
        ([2, 1, 3], 3, "downman-2FFF-043D.zip"),
        ([2], 3, "downman-2FFF-043D-part-2.zip"),
        ([1, 2], 3, "downman-2FFF-043D-parts-1-2.zip"),
        ([5, 3, 2, 1, 9], 20, "downman-2FFF-043D-parts-1-3_5_9.zip"),
        (list(range(1, 100, 2)), 100, "downman-2FFF-043D-50-of-100-parts.zip"),
    ],
)
def test_a_package_is_called_after_what_it_holds(parts: list[int], order_size: int, name: str) -> None:
    assert package_name("2FFF-043D", parts, order_size) == name
