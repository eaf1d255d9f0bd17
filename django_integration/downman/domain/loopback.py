"""Hosts that only this machine can reach."""

import ipaddress


def is_this_machine(host: str) -> bool:
    """Return whether it is a name or an address by which only this machine reaches itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
