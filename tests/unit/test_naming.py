import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from downman.domain.naming import MAX_NAME_BYTES, TakenNames, safe_name, split_extension
from downman.domain.text import clean_date
from tests.bad_inputs import Case, ids
from tests.bad_inputs.names import CASES


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_a_hostile_name_becomes_one_harmless_segment(case: Case) -> None:
    assert safe_name(case.given) == case.expected


def test_a_long_name_is_cut_in_its_stem() -> None:
    name = safe_name("é" * 300 + ".geojson")
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert name.endswith("é.geojson")


@example("e" * 119 + "\u0301" * 3)
@example("con" + "\u200b" + ".tar.gz")
@example("." * 5 + "nul . .gz")
@given(st.text(max_size=400) | st.text("nulcom1. \u0301\u200b\xe9/:\ud800\udcf1", max_size=400))
def test_any_text_becomes_a_safe_name(text: str) -> None:
    name = safe_name(text)
    assert name
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert not set(name) & set('/\\:*?"<>|\x00')
    assert name not in {".", ".."}
    assert not name.startswith(".")
    assert name == name.strip(" .")
    assert safe_name(name) == name
    assert not any(unicodedata.category(character)[0] == "C" for character in name)
    assert not re.match(r"(con|nul|com1|lpt\u00b9)\s*(\.|$)", name, re.IGNORECASE)


NAMES = (
    *("a.tif", "A.TIF", "a.tfw", "a_2.tif", "", "a.tif.aux.xml", "a.tar.gz", "manifest.json"),
    *("stra\xdfe.csv", "STRASSE.csv", "a\u0301.csv", "\xe1.csv"),
)


@given(st.lists(st.lists(st.sampled_from(NAMES), min_size=1), max_size=8))
def test_no_two_names_in_a_folder_are_equal(groups: list[list[str]]) -> None:
    taken = TakenNames("manifest.json")
    names = [name for group in groups for name in taken.claim(group)]
    given_out = [unicodedata.normalize("NFD", name).casefold() for name in names]
    assert [safe_name(name) for name in names] == names
    assert len(set(given_out)) == len(given_out)
    assert "manifest.json" not in given_out


def test_siblings_keep_a_common_stem() -> None:
    taken = TakenNames()
    assert taken.claim(["dem.tif", "dem.tfw"]) == ["dem.tif", "dem.tfw"]
    assert taken.claim(["dem.tif", "dem.tfw", "dem.tif.aux.xml"]) == ["dem_2.tif", "dem_2.tfw", "dem_2.tif.aux.xml"]


def test_a_resource_cannot_take_the_place_of_the_manifest() -> None:
    assert TakenNames("manifest.json").claim(["Manifest.json"]) == ["Manifest_2.json"]


def test_a_suffix_leaves_an_extension_of_two_parts_whole() -> None:
    taken = TakenNames()
    assert taken.claim(["dem.tar.gz"]) + taken.claim(["DEM.TAR.GZ"]) == ["dem.tar.gz", "DEM_2.TAR.GZ"]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.tar.gz", ("a", ".tar.gz")),
        ("a.geojson.gz", ("a", ".geojson.gz")),
        ("a.gz", ("a", ".gz")),
        (".gz", (".gz", "")),
        ("a", ("a", "")),
        ("v1.2 of the data", ("v1.2 of the data", "")),
        ("a.verylongword", ("a.verylongword", "")),
    ],
)
def test_an_extension_is_what_says_what_a_file_is(name: str, parts: tuple[str, str]) -> None:
    assert split_extension(name) == parts


@pytest.mark.parametrize(
    "moment",
    [
        float("nan"), float("inf"), -1, 0, 1e20, -1e20, 4e9, datetime.min, datetime.max,  # noqa: DTZ901 - without a zone
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-5))), datetime(1601, 1, 1, tzinfo=UTC), None,
    ],
)  # fmt: skip
def test_a_date_that_cannot_be_is_none(moment: datetime | float | None) -> None:
    assert clean_date(moment) is None


def test_a_date_is_in_utc() -> None:
    moment = datetime(2020, 5, 17, 12, tzinfo=UTC)
    assert clean_date(moment.timestamp()) == moment
    assert clean_date(moment.replace(tzinfo=None)) == moment
    assert clean_date(moment.astimezone(timezone(timedelta(hours=5)))) == moment
