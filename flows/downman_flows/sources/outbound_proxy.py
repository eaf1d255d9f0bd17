"""The proxy through which a site's network lets its servers out, where it has one."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network


class OutboundProxy:
    """An HTTP proxy, and the hosts for which it is not used."""

    def __init__(self, url: str, *, no_proxy: Sequence[str] = ()) -> None:
        """`url` may hold a user and a password, and is never shown; `no_proxy` is as in the setting `NO_PROXY`."""
        self.url = url
        self._no_proxy = tuple(entry.strip().lower() for entry in no_proxy)

    def __repr__(self) -> str:
        """Show nothing of the URL, which may hold a password."""
        return "OutboundProxy(...)"

    def is_used_for(self, host: str, port: int) -> bool:
        """Return whether a host is contacted through the proxy. Names are compared as they are written."""
        return not any(_matches(entry, host.strip("[]").rstrip(".").lower(), port) for entry in self._no_proxy)


def _matches(entry: str, host: str, port: int) -> bool:
    """Compare with one entry: `*`, a name (and all below it), a network; with `:port`, for that port only."""
    if entry == "*":
        return True
    try:
        return ip_address(host) in ip_network(entry.strip("[]"))
    except ValueError:
        pass
    name, colon, number = entry.rpartition(":")
    if colon and number.isdecimal() and not name.endswith(":"):
        return int(number) == port and _matches(name, host, port)
    name = entry.strip("[]").removeprefix("*").removeprefix(".").rstrip(".")
    return host == name or host.endswith(f".{name}")
