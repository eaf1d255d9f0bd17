"""Every error of httpx, and every status, has a home."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from downman.domain.errors import DownmanError, PermanentError, TemporaryError
from downman_flows.sources.http_errors import get_retry_after, to_error, to_status_error

ROOTS: tuple[type[Exception], ...] = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)


def every_error() -> Iterator[type[Exception]]:
    pending = list(ROOTS)
    while pending:
        kind = pending.pop()
        yield kind
        pending.extend(kind.__subclasses__())


def test_the_roots_are_all_that_httpx_has() -> None:
    found = {
        kind
        for kind in vars(httpx).values()
        if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__.startswith("httpx")
    }
    assert found <= set(every_error()), "httpx has an error that is below none of the roots: add it to http_errors"


@pytest.mark.parametrize("kind", sorted(every_error(), key=str), ids=str)
def test_each_error_of_httpx_becomes_one_of_ours(kind: type[Exception]) -> None:
    error = to_error(kind.__new__(kind), received=5, expected=10)
    assert isinstance(error, TemporaryError | PermanentError)
    assert "?" not in str(error)


@pytest.mark.parametrize("status", range(200, 600))
def test_each_status_is_success_or_has_an_error(status: int) -> None:
    error = to_status_error(httpx.Response(status))
    assert (error is None) == (status in {200, 203, 206})
    assert error is None or (
        isinstance(error, DownmanError) and str(error.details["reason"]).split(",")[0] == f"status {status}"
    )


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", timedelta(seconds=7)),
        ("Thu, 01 Jan 2026 00:01:00 GMT", timedelta(minutes=1)),
        ("Wed, 31 Dec 2025 00:00:00 GMT", timedelta(0)),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("9" * 40, timedelta(days=365)),
        ("Thu, 99 Foo 2026", None),
    ],
)
def test_retry_after_is_a_time_or_nothing(value: str, expected: timedelta | None) -> None:
    assert get_retry_after(httpx.Headers({"Retry-After": value}), NOW) == expected
