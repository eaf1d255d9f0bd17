import pytest
from hypothesis import given
from hypothesis import strategies as st

from downman.domain.naming import MAX_NAME_BYTES, TakenNames, safe_name
from tests.bad_inputs import Case, ids
from tests.bad_inputs.names import CASES


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_a_hostile_name_becomes_one_harmless_segment(case: Case) -> None:
    assert safe_name(case.given) == case.expected


def test_a_long_name_is_cut_in_its_stem() -> None:
    name = safe_name("é" * 300 + ".geojson")
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert name.endswith("é.geojson")


@given(st.text(max_size=400))
def test_any_text_becomes_a_safe_name(text: str) -> None:
    name = safe_name(text)
    assert name
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert not set(name) & set('/\\:*?"<>|\x00')
    assert name not in {".", ".."}
    assert not name.startswith(".")
    assert name == name.strip(" .")
    assert safe_name(name) == name


@given(
    st.lists(
        st.lists(st.sampled_from(["a.tif", "A.TIF", "a.tfw", "a_2.tif", "", "a.tif.aux.xml"]), min_size=1), max_size=8
    )
)
def test_no_two_names_in_a_folder_are_equal(groups: list[list[str]]) -> None:
    taken = TakenNames("manifest.json")
    given_out = [name.casefold() for group in groups for name in taken.claim(group)]
    assert len(set(given_out)) == len(given_out)
    assert "manifest.json" not in given_out


def test_siblings_keep_a_common_stem() -> None:
    taken = TakenNames()
    assert taken.claim(["dem.tif", "dem.tfw"]) == ["dem.tif", "dem.tfw"]
    assert taken.claim(["dem.tif", "dem.tfw", "dem.tif.aux.xml"]) == ["dem_2.tif", "dem_2.tfw", "dem_2.tif.aux.xml"]


def test_a_resource_cannot_take_the_place_of_the_manifest() -> None:
    assert TakenNames("manifest.json").claim(["Manifest.json"]) == ["Manifest_2.json"]
