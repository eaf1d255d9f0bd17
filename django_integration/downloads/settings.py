"""The settings of the app, read from Django's `DOWNLOADS_*`.

Each is declared once, here: its type, its default, its unit in its name, and a sentence; `checks.py` refuses others.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings

from django_integration.domain.policy import MEGABYTE

PREFIX = "DOWNLOADS_"


def _setting(default: Any, sentence: str) -> Any:
    metadata = {"sentence": sentence}
    if isinstance(default, dict | list):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """What a site sets once; `PolicyRecord` holds what its administrators change while it runs."""

    site_url: str = _setting("http://127.0.0.1:8000", "The address of the site as people see it; mails are full of it.")
    package_dir: Path = _setting(
        Path("packages"), "The folder of finished packages, shared by the site and all workers."
    )
    staging_dir: Path = _setting(
        Path("staging"), "The folder in which workers fetch; it may be different on each machine."
    )
    file_roots: tuple[Path, ...] = _setting((), "The folders below which resources of the source `file` may lie.")
    private_addresses: tuple[str, ...] = _setting(
        (),
        "Networks that are not public but may be fetched from, such as `192.0.2.0/24`; others are refused.",
    )
    trigger: str = _setting(
        "django_integration.downloads.trigger.PrefectTrigger",
        "The class that asks for jobs to be run, as a dotted path.",
    )
    prefect_api_url: str = _setting(
        os.environ.get("PREFECT_API_URL", "http://127.0.0.1:4200/api"), "The address of Prefect's API."
    )
    prefect_api_auth_string: str = _setting(
        os.environ.get("PREFECT_API_AUTH_STRING", ""),
        "User and password of Prefect's API, with a colon between them. A secret.",
    )
    trigger_timeout_seconds: float = _setting(
        5.0, "Seconds that handing work to Prefect may take before it is left for later. Nobody waits for it."
    )
    behaviour: str = _setting("ALL", "What is packaged: `NEVER`, `DYNAMIC` or `ALL`.")
    cart_limit: int = _setting(20, "Resources in one order.")
    validity_days: int = _setting(7, "Days that a link can be used.")
    max_public_bytes: int = _setting(
        300 * MEGABYTE, "Bytes of one resource above which an administrator must approve it."
    )
    max_resource_bytes: int = _setting(50_000 * MEGABYTE, "Bytes of one resource above which it is not fetched at all.")
    max_order_bytes: int = _setting(256 * 1024, "Bytes of the text of one order.")
    lease_seconds: int = _setting(60, "Seconds after its last sign of life that a worker's claim on a request ends.")
    stalled_after_seconds: int = _setting(
        30, "Seconds past its time after which a request that nobody started is looked at."
    )
    orphan_after_seconds: int = _setting(24 * 3600, "Seconds after which a file that nobody owns is deleted.")
    mail_from: str = _setting("downman@localhost", "The sender of all mails.")
    mail_block: str = _setting("downman-mail", "The name of Prefect's block with the mail server and its login.")
    mail_timeout_seconds: int = _setting(30, "Seconds that the mail server may take for each answer.")
    staging_reserve_bytes: int = _setting(
        100 * MEGABYTE, "Bytes that must be free in the staging folder before work starts."
    )
    package_reserve_bytes: int = _setting(
        200 * MEGABYTE, "Bytes that must be free in the package folder before work starts."
    )
    parallel_fetches: int = _setting(4, "Resources of one request that are fetched side by side.")
    parallel_fetches_per_host: int = _setting(
        2, "Resources of one request that are fetched side by side from one host."
    )


SETTING_FIELDS: Mapping[str, str] = {f"{PREFIX}{item.name.upper()}": item.name for item in fields(AppSettings)}


def app_settings() -> AppSettings:
    """Read the settings now, so that tests and sites may override them at any time."""
    values: dict[str, Any] = {}
    for name, attribute in SETTING_FIELDS.items():
        if hasattr(django_settings, name):
            values[attribute] = getattr(django_settings, name)
    for attribute in ("package_dir", "staging_dir"):
        if attribute in values:
            values[attribute] = Path(values[attribute])
    if "file_roots" in values:
        values["file_roots"] = tuple(Path(root) for root in values["file_roots"])
    if "private_addresses" in values:
        values["private_addresses"] = tuple(values["private_addresses"])
    return AppSettings(**values)
