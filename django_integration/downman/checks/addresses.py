"""URLs, e-mail addresses and networks that are invalid or too large."""

import ipaddress
from collections.abc import Iterator
from email.utils import parseaddr
from urllib.parse import SplitResult, urlsplit

from django.core.checks import CheckMessage

from downman.checks.findings import message
from downman.email_addresses import InvalidEmailAddress, normalize_email
from downman.settings import AppSettings

#: Prefixes of the largest networks for private use: 10.0.0.0/8 and fc00::/7.
SHORTEST_PREFIX = {4: 8, 6: 7}
#: Addresses at which clouds give a machine its own credentials.
CREDENTIALS = tuple(map(ipaddress.ip_address, ("169.254.169.254", "fd00:ec2::254")))


def check(settings: AppSettings) -> Iterator[CheckMessage]:
    """Find what is not a URL or e-mail address, and networks that are too large."""
    yield from _networks(settings)
    yield from _people(settings)
    if not _is_origin(settings.site_url):
        yield message("E018", f"DOWNLOADS_SITE_URL is {settings.site_url!r}.")
    if not _is_web(split_url(settings.prefect_api_url)):
        yield message("E025", "DOWNLOADS_PREFECT_API_URL is not an http or https URL.")
    login = settings.prefect_api_auth_string.get_secret_value()
    if login and not all(login.partition(":")):
        yield message("E026", "DOWNLOADS_PREFECT_API_AUTH_STRING is not a login.")


def _networks(settings: AppSettings) -> Iterator[CheckMessage]:
    for network in settings.private_addresses:
        if network.network.prefixlen < SHORTEST_PREFIX[network.network.version]:
            yield message("E017", f"DOWNLOADS_PRIVATE_ADDRESSES holds {network}.")


def _people(settings: AppSettings) -> Iterator[CheckMessage]:
    # No e-mail address is repeated: it is personal data.
    if not _is_email_address(parseaddr(settings.mail_from)[1]):
        yield message("E019", "DOWNLOADS_MAIL_FROM is not an e-mail address.")
    for number, address in enumerate(settings.administrators, start=1):
        if not _is_email_address(address):
            yield message("E020", f"Entry {number} of DOWNLOADS_ADMINISTRATORS is not an e-mail address.")


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL; all are empty for one that is invalid."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for an invalid port
    except ValueError:
        return urlsplit("")
    return parts


def _is_web(url: SplitResult) -> bool:
    return url.scheme in {"http", "https"} and bool(url.hostname)


def _is_origin(url: str) -> bool:
    parts = split_url(url)
    rest = parts.path.strip("/") or parts.query or parts.fragment
    return _is_web(parts) and not rest and "@" not in parts.netloc


def _is_email_address(text: str) -> bool:
    try:
        normalize_email(text, any_domain=True)
    except InvalidEmailAddress:
        return False
    return True
