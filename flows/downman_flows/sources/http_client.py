"""Opens http and https URLs for others: every hop is checked before it is followed."""

import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from downman.domain.errors import AddressRefused
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.http_errors import to_error
from downman_flows.sources.network_addresses import CheckedAddress, Network, check_address

Trace = Callable[[str, Mapping[str, Any]], None]

_HEADERS = {"User-Agent": "downman", "Accept": "*/*", "Accept-Encoding": "identity"}
#: Where a request keeps its URL: what it is sent to has an address in the place of the name.
_FINAL_URL = "downman_url"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class GuardedClient:
    """An HTTP client without a memory: no cookies, no credentials, no proxies from the environment.

    Connections are not kept: one that was proven for a name must not serve another name at the same address.
    """

    def __init__(
        self,
        *,
        limits: FetchLimits,
        allowed_networks: Sequence[Network] = (),
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; nothing is opened yet."""
        self._limits = limits
        self._allowed_networks = tuple(allowed_networks)
        self._client = httpx.Client(
            verify=True if ssl_context is None else ssl_context,
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=httpx.Timeout(limits.read_seconds, connect=limits.connect_seconds),
        )

    def close(self) -> None:
        """Close what is open."""
        self._client.close()

    @contextlib.contextmanager
    def open(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, *, trace: Trace | None = None
    ) -> Iterator[httpx.Response]:
        """Send a request, follow redirects, and give the answer with its body unread.

        Raises `AddressRefused` for a URL, or a redirect to one, that may not be opened; else the errors of
        `http_errors`. An error while the body is read is the caller's to translate.
        """
        try:
            response = self._followed(method, url, {**_HEADERS, **(headers or {})}, trace)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
            raise to_error(exc) from exc
        with contextlib.closing(response):
            yield response

    def _followed(self, method: str, url: str, headers: Mapping[str, str], trace: Trace | None) -> httpx.Response:
        target = check_address(url, self._allowed_networks)
        for _ in range(self._limits.max_redirects + 1):
            response = self._sent(method, target, headers, trace)
            location = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or location is None:
                return response
            response.close()
            target = self._next_hop(target, location)
        raise httpx.TooManyRedirects("Too many redirects.", request=response.request)

    def _next_hop(self, target: CheckedAddress, location: str) -> CheckedAddress:
        following = target.url.join(location)
        if target.url.scheme == "https" and following.scheme == "http":
            raise AddressRefused(reason="it redirects from https to http")
        return check_address(str(following), self._allowed_networks)

    def _sent(
        self, method: str, target: CheckedAddress, headers: Mapping[str, str], trace: Trace | None
    ) -> httpx.Response:
        """Send to the first of the checked addresses that takes the connection, under the name that was asked for."""
        extensions: dict[str, Any] = {"sni_hostname": target.host}
        if trace is not None:
            extensions["trace"] = trace
        failure: Exception | None = None
        for address in target.addresses:
            extensions[_FINAL_URL] = str(target.url)
            request = self._client.build_request(
                method,
                target.url.copy_with(host=address, fragment=None),
                headers={**headers, "Host": target.url.netloc.decode("ascii")},
                extensions=extensions,
            )
            try:
                return self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                failure = exc
        raise failure or httpx.ConnectError("There is no address to connect to.")


def get_final_url(response: httpx.Response) -> str:
    """Return the URL that was answered, after all redirects, with its name for a host."""
    return str(response.request.extensions[_FINAL_URL])
