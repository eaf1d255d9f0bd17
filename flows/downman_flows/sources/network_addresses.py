"""Which network addresses may be opened: public ones, and the private ones that the catalogue's owner allows."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx

from downman.domain.errors import AddressRefused, SourceUnavailable

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_LAST_PORT = 65535
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class CheckedAddress:
    """A host that was looked up and found to be one that may be opened."""

    url: httpx.URL
    host: str
    #: Where to connect to. Only these: looking the name up again could give others.
    addresses: tuple[str, ...]


def check_address(url: str, allowed: Sequence[Network]) -> CheckedAddress:
    """Look up the host of a URL and check every address it has.

    Raises `AddressRefused` for anything but a plain http(s) URL of a public or allowed host, and `SourceUnavailable`
    when the name cannot be looked up.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError, ValueError) as exc:
        raise AddressRefused(reason="it is no valid address") from exc
    if parsed.scheme not in _PORTS:
        raise AddressRefused(reason="it is not an http or https address")
    if parsed.userinfo:
        raise AddressRefused(reason="it holds a user name or password")
    # What the network is asked for: lower case, and ASCII for international names.
    host = parsed.raw_host.decode("ascii")
    if not host or "%" in host or (parsed.port or 0) > _LAST_PORT:
        raise AddressRefused(reason="it is no valid address")
    addresses = _look_up(host, parsed.port or _PORTS[parsed.scheme])
    if not all(_may_be_opened(address, allowed) for address in addresses):
        raise AddressRefused(reason="it is in a private network")
    return CheckedAddress(url=parsed, host=host, addresses=tuple(str(address) for address in addresses))


def _look_up(host: str, port: int) -> tuple[Address, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as exc:
        raise SourceUnavailable(reason="its name cannot be looked up") from exc
    return tuple(dict.fromkeys(ip_address(str(info[4][0]).partition("%")[0]) for info in found))


def _may_be_opened(address: Address, allowed: Sequence[Network]) -> bool:
    if any(address.version == network.version and address in network for network in allowed):
        return True
    inner = _embedded(address)
    if inner is not None:
        return _may_be_opened(inner, allowed)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for: mapped, 6to4, Teredo, or NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in IPv6Network("64:ff9b::/96"):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
