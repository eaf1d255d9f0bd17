"""Addresses and ports that no public source has.

Addresses: IANA's special-purpose address registries of IPv4 and IPv6 (RFC 6890, RFC 8190), as of May 2025, with the
whole of each block, also where a part of it is said to be globally reachable: those are anycast addresses of protocols
other than HTTP. Beside them: multicast (RFC 5771, RFC 4291), what RFC 3879 and RFC 4291 withdrew, and 168.63.129.16,
at which a cloud (Azure) answers its own machines.

Ports: those of "bad port" in WHATWG's Fetch standard (as of 2025), which browsers refuse as well; and those at which
mail, databases, queues and remote control listen.
"""

from ipaddress import IPv4Address, IPv6Address, ip_network

from downman.domain.networks import Address

_IPV4 = (
    "0.0.0.0/8",  # this network (RFC 791)
    "10.0.0.0/8",  # private use (RFC 1918)
    "100.64.0.0/10",  # shared by a carrier's customers (RFC 6598)
    "127.0.0.0/8",  # loopback (RFC 1122)
    "168.63.129.16/32",  # a cloud's own services
    "169.254.0.0/16",  # link-local (RFC 3927), where clouds keep their credentials
    "172.16.0.0/12",  # private use (RFC 1918)
    "192.0.0.0/24",  # protocol assignments (RFC 6890), with 192.0.0.8/32 (RFC 7600)
    "192.0.2.0/24",  # documentation (RFC 5737)
    "192.31.196.0/24",  # AS112 (RFC 7535)
    "192.52.193.0/24",  # AMT (RFC 7450)
    "192.88.99.0/24",  # 6to4 relays, withdrawn (RFC 7526)
    "192.168.0.0/16",  # private use (RFC 1918)
    "192.175.48.0/24",  # AS112 (RFC 7534)
    "198.18.0.0/15",  # benchmarking (RFC 2544)
    "198.51.100.0/24",  # documentation (RFC 5737)
    "203.0.113.0/24",  # documentation (RFC 5737)
    "224.0.0.0/4",  # multicast (RFC 5771)
    "240.0.0.0/4",  # reserved (RFC 1112), with the limited broadcast
)
#: The only space that is assigned to hosts (RFC 4291, 2.4; IANA's IPv6 address space). Outside of it are, among others:
#: ::/128, ::1/128, ::/96, 64:ff9b:1::/48 (RFC 8215), 100::/64 (RFC 6666), 100:0:0:1::/64 (RFC 9780), 5f00::/16
#: (RFC 9602), fc00::/7 (RFC 4193), fe80::/10, fec0::/10 (RFC 3879), ff00::/8.
_IPV6_UNICAST = ip_network("2000::/3")
_IPV6 = (
    "2001::/23",  # protocol assignments (RFC 2928), with Teredo, benchmarking, ORCHID, AMT, AS112, DRIP
    "2001:db8::/32",  # documentation (RFC 3849)
    "2620:4f:8000::/48",  # AS112 (RFC 7534)
    "3fff::/20",  # documentation (RFC 9637)
)
_SPECIAL = {4: tuple(map(ip_network, _IPV4)), 6: tuple(map(ip_network, _IPV6))}
#: NAT64 (RFC 6052) and 6to4 (RFC 3056): they lead to the IPv4 address that they hold.
_NAT64 = ip_network("64:ff9b::/96")
_SIX_TO_FOUR = ip_network("2002::/16")

#: WHATWG Fetch, "port blocking".
_BROWSERS_REFUSE = frozenset(
    {
        *(0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104),
        *(109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526),
        *(530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659),
        *(4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
    }
)
_SERVICES = frozenset(
    {
        *(24, 2525),  # mail
        *(445, 873, 3260, 3389, 5900, 5985, 5986),  # files and screens of other machines
        *(1433, 1434, 1521, 1522, 1526, 2483, 2484, 3050, 3306, 5432, 5433, 6432, 9042, 26257),  # databases
        *(5984, 6379, 6380, 7687, 9200, 9300, 11211, 16379, 26379, 27017, 27018, 27019, 28015),  # other stores
        *(1883, 2181, 4369, 5671, 5672, 8883, 9092, 25672, 61613, 61616),  # queues
        *(623, 2375, 2376, 2379, 2380, 10250),  # machines and containers
    }
)
REFUSED_PORTS = _BROWSERS_REFUSE | _SERVICES


def is_public(address: Address) -> bool:
    """Return whether an address is one that a host in the Internet may have."""
    inner = get_embedded(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, IPv6Address) and address not in _IPV6_UNICAST:
        return False
    return not any(address in network for network in _SPECIAL[address.version])


def get_embedded(address: Address) -> IPv4Address | None:
    """Return the IPv4 address to which an IPv6 address leads: mapped, NAT64, or 6to4."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour if address in _SIX_TO_FOUR else None
