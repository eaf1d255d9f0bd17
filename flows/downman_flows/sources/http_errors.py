"""The home of every error of httpx, and of every status, among downman's own errors.

What a person reads never holds a URL or a header: only a reason in a few words.
"""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from downman.domain.errors import (
    AddressRefused,
    DownmanError,
    SourceMissing,
    SourceRefused,
    SourceUnavailable,
    TransferInterrupted,
)

#: Statuses that say: not now.
_PASSING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.MISDIRECTED_REQUEST, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
#: Errors of the server that no later try changes.
_PERMANENT = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED})

#: From the special to the general: the first that fits is taken.
_UNREACHABLE: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ConnectTimeout, "it did not answer in time"),
    (httpx.PoolTimeout, "too many connections are open"),
    (httpx.ProxyError, "the proxy failed"),
    (httpx.ConnectError, "it cannot be reached"),
)
_INTERRUPTED: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ReadTimeout, "it stalled"),
    (httpx.WriteTimeout, "it stalled"),
    (httpx.RemoteProtocolError, "the connection ended early"),
    (httpx.DecodingError, "the encoding is broken"),
    (httpx.StreamError, "the connection ended early"),
    (httpx.TransportError, "the connection was lost"),
)
_REFUSED: tuple[tuple[type[Exception], str], ...] = (
    (httpx.LocalProtocolError, "the request cannot be sent"),
    (httpx.TooManyRedirects, "too many redirects"),
    (httpx.HTTPStatusError, "it answered with an error"),
    (httpx.CookieConflict, "its cookies contradict each other"),
)


def to_error(exc: Exception, *, received: int = 0, expected: int | None = None) -> DownmanError:
    """Return the error that stands for one of httpx; `received` and `expected` count bytes of the body."""
    if isinstance(exc, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return AddressRefused(reason="it cannot be read")
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(exc)):
        # Passing: a certificate that ran out is renewed sooner or later.
        return SourceUnavailable(reason="its certificate is not valid")
    for kind, reason in _REFUSED:
        if isinstance(exc, kind):
            return SourceRefused(reason=reason)
    for kind, reason in _UNREACHABLE:
        if isinstance(exc, kind):
            return SourceUnavailable(reason=reason)
    for kind, reason in _INTERRUPTED:
        if isinstance(exc, kind):
            return interrupted(reason, received=received, expected=expected)
    return interrupted("the connection was lost", received=received, expected=expected)


def interrupted(reason: str, *, received: int, expected: int | None) -> TransferInterrupted:
    """Return the error of a transfer that did not complete."""
    return TransferInterrupted(reason=reason, received=received, expected="?" if expected is None else expected)


def to_status_error(response: httpx.Response) -> DownmanError | None:
    """Return the error that a status stands for; None for success."""
    status = response.status_code
    if status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NON_AUTHORITATIVE_INFORMATION}:
        return None
    reason = f"status {status}"
    if status in _GONE:
        return SourceMissing(reason=reason)
    if status in _PASSING or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in _PERMANENT):
        return SourceUnavailable(reason=reason, retry_after=get_retry_after(response.headers))
    return SourceRefused(reason=reason)


def get_retry_after(headers: httpx.Headers, now: datetime | None = None) -> timedelta | None:
    """Return how long the source asks to wait: a number of seconds or a date; None where it does not say."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        # A longer time than a year is nonsense, and more digits than these overflow.
        return timedelta(seconds=min(int(value[:12]), 365 * 86400))
    moment = parse_date(value)
    if moment is None:
        return None
    return max(timedelta(0), moment - (now or datetime.now(UTC)))


def parse_date(value: str | None) -> datetime | None:
    """Read a date of HTTP; None for none, and for nonsense."""
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _causes(exc: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = exc
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__
