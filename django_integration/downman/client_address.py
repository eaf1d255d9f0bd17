"""From which address a request comes, also behind proxies that the site trusts."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from django.http import HttpRequest

from downman.setting_types import UNIX_SOCKET
from downman.settings import app_settings

Address = IPv4Address | IPv6Address


def get_client_address(request: HttpRequest) -> str:
    """Return the IP address of the client; empty where it is not known.

    `X-Forwarded-For` is read from its end, where the nearest proxy writes, and only as far as each address to the right
    of an entry is that of a trusted proxy: what a client writes there itself stands further left and is never reached.
    """
    remote = request.META.get("REMOTE_ADDR") or ""
    trusted = app_settings().trusted_proxies
    nearest = _parse(remote)
    if not _is_trusted(nearest, trusted, is_socket=not remote):
        return str(nearest or "")
    for text in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        entry = _parse(text)
        if entry is None:
            break
        nearest = entry
        if not _is_trusted(entry, trusted):
            break
    return str(nearest or "")


def _is_trusted(address: Address | None, trusted: Iterable[object], *, is_socket: bool = False) -> bool:
    if address is None:
        return is_socket and UNIX_SOCKET in trusted
    return any(address in network for network in trusted if network != UNIX_SOCKET)  # type: ignore[operator]


def _parse(text: str) -> Address | None:
    """Read an address, with a port where a proxy writes one: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
