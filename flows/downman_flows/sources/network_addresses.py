"""Which network addresses may be opened for a resource: public ones, and its own where the site's owner allows it."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import httpx

from downman.domain.errors import AddressRefused, SourceUnavailable
from downman.domain.networks import Address, AllowedNetwork
from downman_flows.sources.special_addresses import REFUSED_PORTS, get_embedded, is_public

_LAST_PORT = 65535
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL that can be opened as far as it can be told by reading it."""

    url: httpx.URL
    #: What the network is asked for: lower case, and ASCII for international names.
    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class CheckedAddress:
    """A host that was looked up and found to be one that may be opened."""

    #: Where to connect to. Only these: looking the name up again could give others. Empty where only a proxy knows.
    addresses: tuple[str, ...]


def parse_target(url: str) -> Target:
    """Read a URL; raises `AddressRefused` for anything but a plain http(s) URL."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError) as exc:
        raise AddressRefused(reason="it is no valid address") from exc
    if parsed.scheme not in _PORTS:
        raise AddressRefused(reason="it is not an http or https address")
    if parsed.userinfo:
        raise AddressRefused(reason="it holds a user name or password")
    host = parsed.raw_host.decode("ascii")
    port = _PORTS[parsed.scheme] if parsed.port is None else parsed.port
    if not host or "%" in host or not 0 <= port <= _LAST_PORT:
        raise AddressRefused(reason="it is no valid address")
    return Target(url=parsed, host=host, port=port)


def is_own(target: Target, resource: Target) -> bool:
    """Return whether a hop stays at the resource's own host and port; from http to https, at their default ports."""
    same_service = target.port == resource.port or (
        (resource.url.scheme, resource.port, target.url.scheme, target.port) == ("http", 80, "https", 443)
    )
    return target.host.rstrip(".") == resource.host.rstrip(".") and same_service


def check_address(target: Target, allowed: Sequence[AllowedNetwork], *, needs_look_up: bool = True) -> CheckedAddress:
    """Look up the host of a URL and check every address it has.

    `allowed` are the private networks that this hop may lead to; a port that none of them names must not be one of
    `REFUSED_PORTS`. Raises `AddressRefused`, and `SourceUnavailable` when the name cannot be looked up, unless a proxy
    does that.
    """
    addresses = _look_up(target, needed=needs_look_up)
    if not all(is_public(address) or _is_allowed(address, target.port, allowed) for address in addresses):
        raise AddressRefused(reason="it is in a private network")
    if target.port in REFUSED_PORTS and not _all_named(addresses, target.port, allowed):
        raise AddressRefused(reason="its port is that of another service")
    return CheckedAddress(addresses=tuple(str(address) for address in addresses))


def _look_up(target: Target, *, needed: bool) -> tuple[Address, ...]:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        if not needed:
            return ()
        raise SourceUnavailable(reason="its name cannot be looked up") from exc
    return tuple(dict.fromkeys(ip_address(str(info[4][0]).partition("%")[0]) for info in found))


def _is_allowed(address: Address, port: int, allowed: Sequence[AllowedNetwork]) -> bool:
    return any(network.allows(one, port) for one in _forms(address) for network in allowed)


def _all_named(addresses: Sequence[Address], port: int, allowed: Sequence[AllowedNetwork]) -> bool:
    return bool(addresses) and all(
        any(network.names(one, port) for one in _forms(address) for network in allowed) for address in addresses
    )


def _forms(address: Address) -> tuple[Address, ...]:
    inner = get_embedded(address)
    return (address,) if inner is None else (address, inner)
