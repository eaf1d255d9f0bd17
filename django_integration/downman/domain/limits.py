"""How much one client network and one person may order, as plain values."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network

GIGABYTE = 1_000_000_000
#: Seconds for which mails to one address are counted.
DAY_SECONDS = 24 * 3600


class LimitName(StrEnum):
    """What is limited."""

    ORDERS_PER_NETWORK = "orders_per_network"  #: Orders and free-text requests of one client network, in the window.
    ORDERS_PER_PERSON = "orders_per_person"  #: Orders and free-text requests of one person, in the window.
    OPEN_ORDERS = "open_orders"  #: Orders of one person that have not come to their end.
    BYTES_UNDER_WAY = "bytes_under_way"  #: Bytes of one person's parts that are still to come, where the size is known.
    BYTES_KEPT = "bytes_kept"  #: Bytes of one person's packages that can be downloaded.
    MAILS_PER_DAY = "mails_per_day"  #: E-mails to one address in 24 hours.


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits in force; 0 is no limit.

    The defaults let a class of 40 order thrice each within ten minutes from one network, and a person once every ten
    seconds; that is far above what people do by hand, and far below what a loop does.
    """

    window_seconds: int = 600
    orders_per_network: int = 120
    orders_per_person: int = 60
    open_orders: int = 100
    bytes_under_way: int = 100 * GIGABYTE
    bytes_kept: int = 100 * GIGABYTE
    mails_per_day: int = 300
    #: Leading bits of an address that make its network.
    ipv4_prefix: int = 32
    ipv6_prefix: int = 64


def get_network(address: str, limits: Limits) -> str:
    """Return the client network of an IP address; empty where the address is not known."""
    try:
        client = ip_address(address)
    except ValueError:
        return ""
    if isinstance(client, IPv6Address):
        if client.ipv4_mapped is None:
            # Without its zone, which is of one machine: RFC 4007, 11.
            return str(ip_network((int(client), limits.ipv6_prefix), strict=False))
        client = client.ipv4_mapped
    return str(ip_network((int(client), limits.ipv4_prefix), strict=False))
