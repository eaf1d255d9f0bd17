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
    SourceAsksToWait,
    SourceMissing,
    SourceRefused,
    SourceUnavailable,
    TransferInterrupted,
)

_SUCCESS = frozenset({HTTPStatus.OK, HTTPStatus.NON_AUTHORITATIVE_INFORMATION, HTTPStatus.PARTIAL_CONTENT})
_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
#: Statuses that no later try changes, unless the source says when to come back. What is not known is passing.
_PERMANENT = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.LENGTH_REQUIRED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.EXPECTATION_FAILED,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.UPGRADE_REQUIRED,
        HTTPStatus.PRECONDITION_REQUIRED,
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS,
        HTTPStatus.NOT_IMPLEMENTED,
        HTTPStatus.HTTP_VERSION_NOT_SUPPORTED,
    }
)
#: What a status means to a person, where its number says little.
_WORDS = {
    HTTPStatus.ACCEPTED: "it is still preparing the data",
    HTTPStatus.NO_CONTENT: "it sent no data",
    HTTPStatus.RESET_CONTENT: "it sent no data",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "the proxy wants a login",
}
#: A longer time than this is nonsense.
_LONGEST_WAIT = timedelta(days=365)

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
    """Return the error that stands for an answer's status; None for an answer with a body to fetch."""
    status = response.status_code
    if status in _SUCCESS:
        return None
    reason = f"status {status}"
    if status in _WORDS:
        reason = f"{reason}, {_WORDS[HTTPStatus(status)]}"
    elif HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        reason = f"{reason}, and no place to go on to"
    retry_after = get_retry_after(response.headers)
    if retry_after is None or status == HTTPStatus.GONE:
        if status in _GONE:
            return SourceMissing(reason=reason)
        if status in _PERMANENT:
            return SourceRefused(reason=reason)
    if retry_after:
        return SourceAsksToWait(reason=reason, retry_after=retry_after)
    return SourceUnavailable(reason=reason, retry_after=retry_after)


def get_retry_after(headers: httpx.Headers, now: datetime | None = None) -> timedelta | None:
    """Return how long the source asks to wait (RFC 9110, 10.2.3); None where it does not say, or says nonsense."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        # More digits than these overflow.
        return min(timedelta(seconds=int(value[:12])), _LONGEST_WAIT)
    moment = parse_date(value)
    if moment is None:
        return None
    return min(max(timedelta(0), moment - (now or datetime.now(UTC))), _LONGEST_WAIT)


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
