import time

import pytest

from downman.domain.url_secrets import has_secrets, without_secrets
from tests.bad_inputs import Case, ids
from tests.bad_inputs.source_urls import CASES


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_a_url_is_shown_without_what_opens_it(case: Case) -> None:
    assert without_secrets(case.given) == case.expected
    # What was cleaned once stays as it is.
    assert without_secrets(case.expected) == case.expected


def test_the_catalogue_says_what_may_be_shown_all_the_same() -> None:
    url = "https://example.org/a?ID=0b7c5a52-6a43-4f7c-9d3e-2f2c7be0a111&key=roads&token=x"
    shown = "https://example.org/a?ID=0b7c5a52-6a43-4f7c-9d3e-2f2c7be0a111&key=roads&token=***"
    assert without_secrets(url, keep=["id", "KEY"]) == shown


def test_a_fragment_or_the_case_of_the_scheme_is_no_secret() -> None:
    assert not has_secrets("HTTPS://example.org/a?year=1#part")
    assert has_secrets("https://example.org/a?key=1")
    assert has_secrets("https://me@example.org/a")


@pytest.mark.parametrize("url", ["https://[::1", "https://[nonsense]/", "//exa\u2100mple.org"])
def test_what_is_no_url_is_not_shown(url: str) -> None:
    assert without_secrets(url) == ""
    assert has_secrets(url)


@pytest.mark.parametrize("part", ["token", "a-", "eyJ", "a=", ";", "%3D", "Aa0", "://"])
def test_a_long_one_takes_no_time(part: str) -> None:
    begun = time.process_time()
    without_secrets("https://example.org/a?" + part * 3_000)
    assert time.process_time() - begun < 5
