"""Networks that a site's owner allows, with a port or without."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Self

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_LAST_PORT = 65535
#: `[2001:db8::/32]:8080`, `192.0.2.0/24:8080`; without a port, the brackets may be missing.
_WITH_PORT = re.compile(r"(?:\[(?P<v6>[^]]+)\]|(?P<v4>[0-9./]+)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, kw_only=True)
class AllowedNetwork:
    """A network whose hosts may be contacted."""

    network: Network
    #: The only port; None: any that is not refused.
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `192.0.2.0/24`, `192.0.2.7:8080`, `2001:db8::/32`, `[2001:db8::7]:8080`; raises `ValueError`."""
        found = _WITH_PORT.fullmatch(text.strip())
        if found is None:
            return cls(network=ip_network(text.strip()))
        port = int(found["port"])
        if not 1 <= port <= _LAST_PORT:
            raise ValueError("a port is a number from 1 to 65535")
        return cls(network=ip_network(found["v6"] or found["v4"]), port=port)

    def __contains__(self, address: object) -> bool:
        """Return whether an address is in the network, on whatever port."""
        return address in self.network

    def allows(self, address: Address, port: int) -> bool:
        """Return whether a port of an address is allowed."""
        return address in self.network and self.port in {None, port}

    def names(self, address: Address, port: int) -> bool:
        """Return whether the port is allowed by its number."""
        return address in self.network and self.port == port

    def __str__(self) -> str:
        """Return it as it is written in settings."""
        if self.port is None:
            return str(self.network)
        return f"[{self.network}]:{self.port}" if self.network.version == 6 else f"{self.network}:{self.port}"  # noqa: PLR2004
