"""The settings of the app, read from Django's `DOWNLOADS_*`.

Each is declared once, here: its type, its default, its unit and a sentence; `checks` refuses what is not among them and
what cannot work.
"""

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from django.conf import settings as django_settings

from downman.domain.policy import MAIL_RETRIES, MEGABYTE, SOURCE_RETRIES, SPACE_RETRY, RetryPolicy
from downman.secret_files import SUFFIX, SecretsRefused, secret_from, with_secrets

PREFIX = "DOWNLOADS_"
#: Units that stand at the end of a setting's name.
UNITS = ("seconds", "hours", "days", "bytes")


def _setting(default: Any, sentence: str, *, unit: str = "", secret: bool = False) -> Any:
    """Declare a setting. A function as its default is asked each time; the unit is for names that do not end in it."""
    metadata = {"sentence": sentence, "unit": unit, "secret": secret}
    if callable(default):
        return field(default_factory=default, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


def _seconds(delays: Sequence[timedelta]) -> tuple[int, ...]:
    return tuple(int(delay.total_seconds()) for delay in delays)


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
        "downman.trigger.PrefectTrigger",
        "The class that asks for jobs to be run, as a dotted path.",
    )
    prefect_api_url: str = _setting(
        lambda: os.environ.get("PREFECT_API_URL") or "http://127.0.0.1:4200/api",
        "The address of Prefect's API. Unless set: `PREFECT_API_URL` of the environment.",
    )
    prefect_api_auth_string: str = _setting(
        lambda: secret_from(os.environ, "PREFECT_API_AUTH_STRING"),
        "User and password of Prefect's API, with a colon between them. Unless set: `PREFECT_API_AUTH_STRING` of the "
        "environment.",
        secret=True,
    )
    trigger_timeout_seconds: float = _setting(
        5.0, "Seconds that handing work to Prefect may take before it is left for later. Nobody waits for it."
    )
    behaviour: str = _setting("ALL", "What is packaged: `NEVER`, `DYNAMIC` or `ALL`.")
    cart_limit: int = _setting(20, "Resources in one order.", unit="resources")
    validity_days: int = _setting(7, "Days that a link can be used.")
    max_public_bytes: int = _setting(
        300 * MEGABYTE, "Bytes of one resource above which an administrator must approve it."
    )
    max_resource_bytes: int = _setting(50_000 * MEGABYTE, "Bytes of one resource above which it is not fetched at all.")
    max_order_bytes: int = _setting(256 * 1024, "Bytes of the text of one order.")
    default_estimate_bytes: int = _setting(
        100 * MEGABYTE, "Bytes that are reserved for a resource whose size nobody knows yet."
    )
    storage_budget_bytes: int = _setting(
        0, "Bytes that all packages together may take; 0: as many as the disk holds, but for its reserve."
    )
    evict_promised: bool = _setting(
        False,  # noqa: FBT003 - a default
        "Over the storage budget, links may be ended before their time, least recently used first.",
    )
    expiry_warning_hours: int = _setting(48, "Hours before a link ends at which its owner is told; 0: never.")
    max_validity_days: int = _setting(30, "Days after it was made up to which a link's owner may extend it.")
    keep_requests_days: int = _setting(
        365, "Days after its last change that an order which has ended is kept, with its address; 0: for ever."
    )
    source_retry_seconds: tuple[int, ...] = _setting(
        _seconds(SOURCE_RETRIES.delays),
        "Seconds until a later run tries again what its source did not give: after the first failure, the second, and "
        "so on; the last one repeats.",
    )
    source_give_up_seconds: int = _setting(
        int(SOURCE_RETRIES.give_up_after.total_seconds()),
        "Seconds after its first failure at which a source that keeps failing is given up.",
    )
    mail_retry_seconds: tuple[int, ...] = _setting(
        _seconds(MAIL_RETRIES.delays),
        "Seconds until a mail that was not taken is tried again: after the first failure, the second, and so on; the "
        "last one repeats.",
    )
    mail_give_up_seconds: int = _setting(
        int(MAIL_RETRIES.give_up_after.total_seconds()), "Seconds after which a mail that is never taken is given up."
    )
    space_retry_seconds: int = _setting(
        int(SPACE_RETRY.total_seconds()), "Seconds until an order that waits for space on the disk asks again."
    )
    lease_seconds: int = _setting(60, "Seconds after its last sign of life that a worker's claim on a request ends.")
    stalled_after_seconds: int = _setting(
        30, "Seconds past its time after which a request that nobody started is looked at."
    )
    orphan_after_seconds: int = _setting(24 * 3600, "Seconds after which a file that nobody owns is deleted.")
    administrators: tuple[str, ...] = _setting(
        (), "Addresses of those who are told when an order waits for their decision; the rules' page can name others."
    )
    mail_from: str = _setting("downman@localhost", "The sender of all mails.")
    mail_block: str = _setting("downman-mail", "The name of Prefect's block with the mail server and its login.")
    mail_timeout_seconds: int = _setting(30, "Seconds that the mail server may take for each answer.")
    metrics_token: str = _setting(
        "",
        "What Prometheus must show to read the metrics (`Authorization: Bearer ...`). Empty: they are for programs on "
        "the site's own machine that ask it directly.",
        secret=True,
    )
    staging_reserve_bytes: int = _setting(
        100 * MEGABYTE, "Bytes that must be free in the staging folder before work starts."
    )
    package_reserve_bytes: int = _setting(
        200 * MEGABYTE, "Bytes that must be free in the package folder before work starts."
    )
    parallel_fetches: int = _setting(4, "Resources of one request that are fetched side by side.", unit="resources")
    parallel_fetches_per_host: int = _setting(
        2, "Resources of one request that are fetched side by side from one host.", unit="resources"
    )

    @property
    def source_retries(self) -> RetryPolicy:
        """When a source that failed is tried again."""
        return _retry_policy(self.source_retry_seconds, self.source_give_up_seconds)

    @property
    def mail_retries(self) -> RetryPolicy:
        """When a mail that was not taken is tried again."""
        return _retry_policy(self.mail_retry_seconds, self.mail_give_up_seconds)


def _retry_policy(delays: Sequence[int], give_up_after: int) -> RetryPolicy:
    return RetryPolicy(
        delays=tuple(timedelta(seconds=delay) for delay in delays), give_up_after=timedelta(seconds=give_up_after)
    )


_FIELDS: Mapping[str, "Field[Any]"] = {f"{PREFIX}{item.name.upper()}": item for item in fields(AppSettings)}
SETTING_FIELDS: Mapping[str, str] = {name: item.name for name, item in _FIELDS.items()}
SECRET_SETTINGS = frozenset(name for name, item in _FIELDS.items() if item.metadata["secret"])
_IN_WORDS = {int: "a whole number", float: "a number"}
TYPES: Mapping[str, Any] = get_type_hints(AppSettings)


def get_unit(item: "Field[Any]") -> str:
    """Return the unit of a setting; empty for one that has none."""
    ending = item.name.rpartition("_")[2]
    return str(item.metadata["unit"]) or (ending if ending in UNITS else "")


def app_settings() -> AppSettings:
    """Read the settings now, so that tests and sites may override them at any time."""
    return AppSettings(
        **{
            attribute: _typed(getattr(django_settings, name), TYPES[attribute])
            for name, attribute in SETTING_FIELDS.items()
            if hasattr(django_settings, name)
        }
    )


class SettingsRefused(ValueError):
    """The environment holds settings that cannot be taken; `reasons` has one sentence for each."""

    def __init__(self, reasons: list[str]) -> None:
        """Say all of them, a line each."""
        super().__init__("\n".join(reasons))
        self.reasons = reasons


def settings_from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that an environment holds, for `globals().update(...)` in a site's settings.

    Lists are written with commas, truth as `true` or `false`; a secret may lie in a file (`secret_files`). What is
    empty counts as not given. Raises `SettingsRefused` with all that is unknown, and all that cannot be read.
    """
    reasons: list[str] = []
    try:
        given = with_secrets(environment, SECRET_SETTINGS)
    except SecretsRefused as exc:
        reasons += exc.reasons
        given = {name: text for name, text in environment.items() if name.removesuffix(SUFFIX) not in SECRET_SETTINGS}
    found: dict[str, Any] = {}
    for name in sorted(name for name, text in given.items() if name.startswith(PREFIX) and text):
        if name not in SETTING_FIELDS:
            reasons.append(unknown(name, SETTING_FIELDS))
            continue
        try:
            found[name] = _read(given[name], TYPES[SETTING_FIELDS[name]])
        except ValueError as exc:
            reasons.append(f"{name} cannot be read: {exc}.")
    if reasons:
        raise SettingsRefused(reasons)
    return found


def unknown(name: str, known: Iterable[str]) -> str:
    """Say that a name is not known, and which one may be meant."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.75)
    remedy = f"perhaps {near[0]} is meant" if near else "take it away, or find the one you mean in docs/reference"
    return f"There is no setting {name}; {remedy}."


def _typed(value: Any, kind: Any) -> Any:
    """Take what people write in Django's settings for what it stands for: lists for tuples, words for paths."""
    if get_origin(kind) is tuple:
        return tuple(_typed(item, get_args(kind)[0]) for item in value)
    return Path(value) if kind is Path else value


def _read(text: str, kind: Any) -> Any:
    if get_origin(kind) is tuple:
        return tuple(_read(item.strip(), get_args(kind)[0]) for item in text.split(",") if item.strip())
    if kind is bool:
        if text.lower() not in {"true", "false"}:
            raise ValueError(f"{text!r} is neither true nor false")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError as exc:
        raise ValueError(f"{text!r} is not {_IN_WORDS[kind]}") from exc
