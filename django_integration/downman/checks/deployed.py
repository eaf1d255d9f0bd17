"""What suits a trial on one machine, but not a site that people use."""

from collections.abc import Iterator
from email.utils import parseaddr
from pathlib import Path

from django.conf import settings as django_settings
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, staticfiles_storage
from django.core.checks import CheckMessage

from downman.checks.addresses import CREDENTIALS, split_url
from downman.checks.findings import message
from downman.domain.loopback import is_this_machine
from downman.settings import AppSettings


def check(settings: AppSettings) -> Iterator[CheckMessage]:
    """Find what should be changed before people use the site."""
    if settings.trigger.endswith(".NoTrigger"):
        yield message("W001", "DOWNLOADS_TRIGGER starts no runs.")
    if split_url(settings.site_url).scheme == "http":
        yield message("W002", f"DOWNLOADS_SITE_URL is {settings.site_url}.")
    if parseaddr(settings.mail_from)[1].endswith("@localhost"):
        yield message("W003", "DOWNLOADS_MAIL_FROM is an e-mail address at localhost.")
    yield from _prefect(settings)
    for network in settings.private_addresses:
        # A network of the other IP version contains none of them.
        if any(address in network for address in CREDENTIALS):
            yield message("W006", f"DOWNLOADS_PRIVATE_ADDRESSES holds {network}.")
    is_behind_proxy = django_settings.SECURE_PROXY_SSL_HEADER or django_settings.USE_X_FORWARDED_HOST
    if is_behind_proxy and settings.limits and not settings.trusted_proxies:
        yield message("W008", "DOWNLOADS_TRUSTED_PROXIES is empty.")
    if isinstance(staticfiles_storage, ManifestStaticFilesStorage):
        manifest = Path(staticfiles_storage.path(staticfiles_storage.manifest_name))
        if not manifest.exists():
            yield message("W007", f"There is no {manifest}.")


def _prefect(settings: AppSettings) -> Iterator[CheckMessage]:
    server = split_url(settings.prefect_api_url)
    if is_this_machine(server.hostname or ""):
        return
    if not settings.prefect_api_auth_string.get_secret_value():
        yield message("W004", f"Prefect's server at {server.hostname} is used without a login.")
    elif server.scheme == "http":
        yield message("W005", f"Prefect's server at {server.hostname} is used over http.")
