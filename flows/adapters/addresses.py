"""Which network addresses may be opened: public ones, and the private ones that the catalogue's owner allows."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django_integration.domain.errors import AddressRefused, SourceUnavailable

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class CheckedAddress:
    """A host that was looked up and found to be one that may be opened."""

    host: str
    port: int
    #: Where to connect to. Only these: looking the name up again could give others.
    addresses: tuple[Address, ...]


def check_address(url: str, allowed: Sequence[Network]) -> CheckedAddress:
    """Look up the host of a URL and check every address it has.

    Raises `AddressRefused` for anything but a plain http(s) URL of a public or allowed host, and `SourceUnavailable`
    when the name cannot be looked up.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise AddressRefused(reason="it is no valid address") from exc
    if parts.scheme not in _PORTS:
        raise AddressRefused(reason="it is not an http or https address")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused(reason="it holds a user name or password")
    if not host or any(character <= " " or character == "\x7f" for character in url):
        raise AddressRefused(reason="it is no valid address")
    port = port or _PORTS[parts.scheme]
    addresses = _look_up(host, port)
    for address in addresses:
        if not _may_be_opened(address, allowed):
            raise AddressRefused(reason=f"{host} is in a private network")
    return CheckedAddress(host=host, port=port, addresses=addresses)


def _look_up(host: str, port: int) -> tuple[Address, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as exc:
        raise SourceUnavailable(reason=f"the name {host} cannot be looked up") from exc
    return tuple(dict.fromkeys(ip_address(str(info[4][0]).partition("%")[0]) for info in found))


def _may_be_opened(address: Address, allowed: Sequence[Network]) -> bool:
    if any(address.version == network.version and address in network for network in allowed):
        return True
    inner = _embedded(address)
    if inner is not None:
        return _may_be_opened(inner, allowed)
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded(address: Address) -> IPv4Address | None:
    """Give the IPv4 address that an IPv6 address stands for: mapped, 6to4, Teredo, or NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in IPv6Network("64:ff9b::/96"):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
