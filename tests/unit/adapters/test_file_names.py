"""The names that files have at their sources."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from downman_flows.sources.file_names import get_file_name
from tests.bad_inputs import Case, ids
from tests.bad_inputs.source_names import CASES


def headers(disposition: bytes) -> httpx.Headers:
    return httpx.Headers([(b"Content-Disposition", disposition)])


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_a_name_is_found(case: Case) -> None:
    url, disposition, final_url = case.given
    given_headers = None if disposition is None else headers(disposition.encode())
    assert get_file_name(url or "https://example.org/url.tif", given_headers, final_url) == case.expected


def test_raw_bytes_of_a_header_are_read_as_utf_8_or_else_iso_8859_1() -> None:
    for raw in ("españa.csv".encode(), "españa.csv".encode("iso-8859-1")):
        assert get_file_name("https://example.org/", headers(b"attachment; filename=" + raw)) == "españa.csv"


@given(
    st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=60)
    | st.text("fiename*=;'\"%=?Qu-8\\/.", max_size=80)
)
def test_a_name_never_has_a_folder_and_can_be_stored(value: str) -> None:
    for disposition in (f'attachment; filename="{value}"', f"attachment; filename*={value}", value):
        name = get_file_name("https://example.org/a/b.tif", headers(disposition.encode()))
        assert name
        assert not set(name) & set("/\\\0")
        assert name not in {".", ".."}
        name.encode()
