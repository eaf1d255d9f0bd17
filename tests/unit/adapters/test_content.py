"""What came, held against what was promised."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from downman.domain.errors import SourceUnavailable
from downman.domain.ports import StagedFile
from downman_flows.content.formats import FORMATS, by_name
from downman_flows.content.proof import get_promise, prove_content
from downman_flows.content.recognition import recognise_head
from downman_flows.sources.file_names import get_file_name
from tests.bad_inputs import Case, ids
from tests.bad_inputs.content import BAD, GOOD, NAMES


def stage(folder: Path, body: bytes, **facts: Any) -> StagedFile:
    path = folder / "body"
    path.write_bytes(body)
    return StagedFile(path=path, size=len(body), sha256="", crc32=0, proof="", **facts)


def prove(folder: Path, given: dict[str, Any]) -> StagedFile:
    url = f"https://example.org{given['url']}"
    name = get_file_name(url, None, given["final_url"])
    file = stage(folder, given["body"], name=name, media_type=given["media_type"], final_url=given["final_url"])
    return prove_content(file, get_promise(given["formats"], url, name))


@pytest.mark.parametrize("case", BAD, ids=ids(BAD))
def test_what_is_no_data_is_refused_in_words(tmp_path: Path, case: Case) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        prove(tmp_path, case.given)
    assert case.expected in str(caught.value)
    assert "tried again automatically" in str(caught.value)


@pytest.mark.parametrize("case", GOOD, ids=ids(GOOD))
def test_what_only_looks_so_is_delivered(tmp_path: Path, case: Case) -> None:
    assert prove(tmp_path, case.given).content == case.expected


@pytest.mark.parametrize(("name", "body", "media_type", "formats", "complete"), NAMES)
def test_a_name_ends_as_what_it_is(
    tmp_path: Path, name: str, body: bytes, media_type: str, formats: list[str], complete: str
) -> None:
    file = stage(tmp_path, body, name=name, media_type=media_type)
    assert prove_content(file, get_promise(formats, "https://example.org/x", name)).name == complete


@given(st.binary(max_size=300))
def test_any_bytes_are_something(head: bytes) -> None:
    for start in (b"", b"<", b"{", b"\x1f\x8b\x08", b"\xff\xfe", b"PK\x03\x04"):
        recognise_head(start + head, is_whole=True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("GeoTIFF", "tiff"), ("image/tiff; application=geotiff", "tiff"), ("ESRI Shapefile", "shp"), (".gpkg", "gpkg"),
        ("GML 3.2.1", "xml"), ("CSV (UTF-8)", "text"), ("ASCII grid", "text"), ("JPEG 2000", "jp2"), ("Zip", "zip"),
        ("XLSX", "xlsx"), ("Cloud Optimized GeoTIFF", "tiff"), ("NetCDF-4", "netcdf"), ("open access", ""), ("", ""),
    ],
)  # fmt: skip
def test_formats_are_found_by_what_catalogues_call_them(name: str, kind: str) -> None:
    found = by_name(name)
    assert (found.type if found else "") == kind


def test_no_extension_stands_for_two_formats() -> None:
    extensions = [name for one in FORMATS for name in one.extensions]
    assert sorted(set(extensions)) == sorted(extensions)
