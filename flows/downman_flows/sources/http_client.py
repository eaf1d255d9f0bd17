"""Opens http and https URLs for others: every hop is checked before it is followed."""

import contextlib
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from downman.domain.errors import AddressRefused
from downman.domain.networks import AllowedNetwork
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.http_errors import to_error
from downman_flows.sources.network_addresses import CheckedAddress, Target, check_address, is_own, parse_target
from downman_flows.sources.outbound_proxy import OutboundProxy

Trace = Callable[[str, Mapping[str, Any]], None]

_HEADERS = {"User-Agent": "downman", "Accept": "*/*", "Accept-Encoding": "identity"}
#: Where a request keeps its URL: what it is sent to has an address in the place of the name.
_FINAL_URL = "downman_url"
#: With a `Location`; 300 as well, which RFC 9110, 15.4.1 allows.
_REDIRECTS = frozenset({300, 301, 302, 303, 307, 308})


class GuardedClient:
    """An HTTP client without a memory: no cookies, no credentials, no proxies from the environment.

    Connections are not kept: one that was proven for a name must not serve another name at the same address.
    """

    def __init__(
        self,
        *,
        limits: FetchLimits,
        allowed_networks: Sequence[AllowedNetwork] = (),
        proxy: OutboundProxy | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; nothing is opened yet."""
        self._limits = limits
        self._allowed_networks = tuple(allowed_networks)
        self._proxy = proxy
        self._ssl_context = ssl_context
        self._client = self._make_client()
        self._proxied = self._client if proxy is None else self._make_client(proxy=httpx.Proxy(proxy.url))

    def _make_client(self, proxy: httpx.Proxy | None = None) -> httpx.Client:
        return httpx.Client(
            verify=True if self._ssl_context is None else self._ssl_context,
            trust_env=False,
            proxy=proxy,
            follow_redirects=False,
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=httpx.Timeout(self._limits.read_seconds, connect=self._limits.connect_seconds),
        )

    def close(self) -> None:
        """Close what is open."""
        self._client.close()
        self._proxied.close()

    @contextlib.contextmanager
    def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        cookies: httpx.Cookies | None = None,
        trace: Trace | None = None,
    ) -> Iterator[httpx.Response]:
        """Send a request, follow redirects, and give the answer with its body unread.

        `url` is the resource's: a redirect may lead to its own host and port, and to public ones. `cookies` are those
        of one fetch, and are kept there. Raises `AddressRefused` for a URL, or a redirect to one, that may not be
        opened; else the errors of `http_errors`. An error while the body is read is the caller's to translate.
        """
        extensions = {} if trace is None else {"trace": trace}
        jar = httpx.Cookies() if cookies is None else cookies
        try:
            response = self._followed(method, url, {**_HEADERS, **(headers or {})}, jar, extensions)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as exc:
            raise to_error(exc) from exc
        with contextlib.closing(response):
            yield response

    def _followed(
        self, method: str, url: str, headers: Mapping[str, str], cookies: httpx.Cookies, extensions: Mapping[str, Any]
    ) -> httpx.Response:
        resource = parse_target(url)
        target = resource
        seen: set[tuple[str, str]] = set()
        for _ in range(self._limits.max_redirects + 1):
            # Under its name, for which cookies are kept, whatever the connection goes to.
            request = httpx.Request(method, target.url.copy_with(fragment=None), headers=headers)
            cookies.set_cookie_header(request)
            hop = (str(request.url), request.headers.get("Cookie", ""))
            if hop in seen:
                # Asked the same, it would answer the same.
                break
            seen.add(hop)
            response = self._sent(request, target, self._checked(target, resource), extensions)
            cookies.extract_cookies(httpx.Response(response.status_code, headers=response.headers, request=request))
            location = _get_location(response)
            if response.status_code not in _REDIRECTS or location is None:
                return response
            response.close()
            target = _next_hop(target, location)
        raise httpx.TooManyRedirects("Too many redirects.", request=request)

    def _checked(self, target: Target, resource: Target) -> CheckedAddress:
        allowed = self._allowed_networks if is_own(target, resource) else ()
        return check_address(target, allowed, needs_look_up=not self._is_proxied(target))

    def _is_proxied(self, target: Target) -> bool:
        return self._proxy is not None and self._proxy.is_used_for(target.host, target.port)

    def _sent(
        self, request: httpx.Request, target: Target, checked: CheckedAddress, extensions: Mapping[str, Any]
    ) -> httpx.Response:
        """Send to the first of the checked addresses that takes the connection, under the name that was asked for."""
        extensions = {**extensions, "sni_hostname": target.host, _FINAL_URL: str(request.url)}
        if self._is_proxied(target):
            try:
                # A proxy decides by names, and looks them up itself.
                return self._send(self._proxied, request, request.url, extensions)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                raise httpx.ProxyError("The proxy cannot be reached.", request=request) from exc
        failure: Exception | None = None
        for address in checked.addresses:
            try:
                return self._send(self._client, request, request.url.copy_with(host=address), extensions)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                failure = exc
        raise failure or httpx.ConnectError("There is no address to connect to.")

    @staticmethod
    def _send(
        client: httpx.Client, request: httpx.Request, url: httpx.URL, extensions: Mapping[str, Any]
    ) -> httpx.Response:
        # With the header `Host` of the request, whatever the URL holds.
        built = client.build_request(request.method, url, headers=request.headers, extensions=dict(extensions))
        return client.send(built, stream=True)


def get_final_url(response: httpx.Response) -> str:
    """Return the URL that was answered, after all redirects, with its name for a host."""
    return str(response.request.extensions[_FINAL_URL])


def _get_location(response: httpx.Response) -> str | None:
    """Return where a redirect leads; some write it in UTF-8 or another alphabet, unescaped, as no URL may be."""
    raw = next((value for name, value in response.headers.raw if name.lower() == b"location"), None)
    if raw is None or not raw.strip():
        return None
    try:
        return raw.strip().decode("utf-8")
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw.strip())  # noqa: PLR2004


def _next_hop(target: Target, location: str) -> Target:
    following = target.url.join(location)
    if target.url.scheme == "https" and following.scheme == "http":
        raise AddressRefused(reason="it redirects from https to http")
    return parse_target(str(following))
