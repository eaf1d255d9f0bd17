"""Addresses of sites, networks and people that cannot be meant."""

import ipaddress
from collections.abc import Iterator
from email.utils import parseaddr
from urllib.parse import SplitResult, urlsplit

from django.core.checks import CheckMessage
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from downman.checks.findings import found
from downman.settings import AppSettings

#: The largest networks that are set aside for private use: 10.0.0.0/8 and fc00::/7.
LEAST_PREFIX = {4: 8, 6: 7}
#: Where clouds hand out a machine's own credentials to whoever asks from it.
CREDENTIALS = tuple(map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254")))

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def impossible(settings: AppSettings) -> Iterator[CheckMessage]:
    """Find what is no address, and networks that are too large."""
    yield from _networks(settings)
    yield from _people(settings)
    if not _is_origin(settings.site_url):
        yield found("E018", f"DOWNLOADS_SITE_URL is {settings.site_url!r}.")
    if not _is_web(address_of(settings.prefect_api_url)):
        yield found("E025", "DOWNLOADS_PREFECT_API_URL is no http or https address.")
    login = settings.prefect_api_auth_string
    if login and not all(login.partition(":")):
        yield found("E026", "DOWNLOADS_PREFECT_API_AUTH_STRING is not a login.")


def _networks(settings: AppSettings) -> Iterator[CheckMessage]:
    for text in settings.private_addresses:
        try:
            network = ipaddress.ip_network(text)
        except ValueError as exc:
            yield found("E003", f"DOWNLOADS_PRIVATE_ADDRESSES holds {text!r}: {exc}.")
        else:
            if network.prefixlen < LEAST_PREFIX[network.version]:
                yield found("E017", f"DOWNLOADS_PRIVATE_ADDRESSES holds {text}.")


def _people(settings: AppSettings) -> Iterator[CheckMessage]:
    # No address is repeated: who is told what is nobody else's business.
    if not _is_mail_address(parseaddr(settings.mail_from)[1]):
        yield found("E019", "DOWNLOADS_MAIL_FROM is no mail address.")
    for number, address in enumerate(settings.administrators, start=1):
        if not _is_mail_address(address):
            yield found("E020", f"Entry {number} of DOWNLOADS_ADMINISTRATORS is no mail address.")


def address_of(url: str) -> SplitResult:
    """Take an address apart; one that cannot be is empty."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return urlsplit("")
    return parts


def networks(settings: AppSettings) -> Iterator[Network]:
    """Return the private networks that can be read."""
    for text in settings.private_addresses:
        try:
            yield ipaddress.ip_network(text)
        except ValueError:
            continue


def _is_web(address: SplitResult) -> bool:
    return address.scheme in {"http", "https"} and bool(address.hostname)


def _is_origin(url: str) -> bool:
    address = address_of(url)
    behind = address.path.strip("/") or address.query or address.fragment
    return _is_web(address) and not behind and "@" not in address.netloc


def _is_mail_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
