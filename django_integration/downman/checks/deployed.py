"""What is right for a trial on one machine, and not for a site that people use."""

from collections.abc import Iterator
from email.utils import parseaddr
from pathlib import Path

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, staticfiles_storage
from django.core.checks import CheckMessage

from downman.checks.addresses import CREDENTIALS, address_of, networks
from downman.checks.findings import found
from downman.domain.loopback import is_this_machine
from downman.settings import AppSettings


def warnings(settings: AppSettings) -> Iterator[CheckMessage]:
    """Find what nobody should leave so."""
    if settings.trigger.endswith(".NoTrigger"):
        yield found("W001", "DOWNLOADS_TRIGGER starts nothing.")
    if address_of(settings.site_url).scheme == "http":
        yield found("W002", f"DOWNLOADS_SITE_URL is {settings.site_url}.")
    if parseaddr(settings.mail_from)[1].endswith("@localhost"):
        yield found("W003", "DOWNLOADS_MAIL_FROM is an address of localhost.")
    yield from _prefect(settings)
    for network in networks(settings):
        # A network of the other version holds none.
        if any(address in network for address in CREDENTIALS):
            yield found("W006", f"DOWNLOADS_PRIVATE_ADDRESSES holds {network}.")
    if isinstance(staticfiles_storage, ManifestStaticFilesStorage):
        manifest = Path(staticfiles_storage.path(staticfiles_storage.manifest_name))
        if not manifest.exists():
            yield found("W007", f"There is no {manifest}.")


def _prefect(settings: AppSettings) -> Iterator[CheckMessage]:
    server = address_of(settings.prefect_api_url)
    if is_this_machine(server.hostname or ""):
        return
    if not settings.prefect_api_auth_string:
        yield found("W004", f"Prefect's server at {server.hostname} is asked without a login.")
    elif server.scheme == "http":
        yield found("W005", f"Prefect's server at {server.hostname} is asked by http.")
