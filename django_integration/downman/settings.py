"""The settings of the app, read from Django's `DOWNLOADS_*`.

Each is declared once, here: its type and bounds, its default, its unit and a sentence. pydantic parses and checks each
of them; `checks` finds values that contradict each other or do not suit this machine.
"""

import os
from collections.abc import Mapping, Sequence
from copy import copy
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.utils.crypto import salted_hmac
from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from downman.domain.jobs import DEFAULT_POOL, PrefectNames
from downman.domain.limits import Limits
from downman.domain.loopback import is_this_machine
from downman.domain.policy import (
    MAIL_RETRIES,
    MEGABYTE,
    SOURCE_RETRIES,
    SPACE_RETRY,
    PackagingMode,
    RetryPolicy,
    VerifyEmail,
)
from downman.environment import (
    EnvironmentSettings,
    InvalidSettings,
    get_secret_names,
    get_variable_name,
    read_settings,
    to_sentences,
    unknown_name,
)
from downman.secret_files import SUFFIX
from downman.setting_types import (
    AllowedHosts,
    Bits,
    Bytes,
    Days,
    Delays,
    DottedPaths,
    Folder,
    Hours,
    Mails,
    Orders,
    Parts,
    PoolName,
    Proxy,
    ProxyUrl,
    Seconds,
)

PREFIX = "DOWNLOADS_"
NO_TIME_ZONES = "Django's USE_TZ is False."
#: A run renews its lease twice a second (`downman_flows.runs.heartbeat`); ten may be late before it counts as dead.
LEAST_LEASE_SECONDS = 5


def _seconds(delays: Sequence[timedelta]) -> tuple[int, ...]:
    return tuple(int(delay.total_seconds()) for delay in delays)


class PrefectConnection(EnvironmentSettings):
    """The Prefect server that every process uses; Prefect's own programs read these two as well."""

    model_config = SettingsConfigDict(env_prefix="PREFECT_")

    api_url: str = Field(default="http://127.0.0.1:4200/api", description="URL of Prefect's API.")
    api_auth_string: SecretStr = Field(
        default=SecretStr(""), description="User and password of Prefect's API, with a colon between them."
    )


class PoolChoice(EnvironmentSettings):
    """The work pool of the site in Prefect."""

    model_config = SettingsConfigDict(env_prefix="DOWNMAN_")

    pool: PoolName = Field(
        default=DEFAULT_POOL,
        description="Prefect work pool of the site; sites that share a Prefect server need one each. All that is the "
        "site's in Prefect bears its name.",
    )

    @property
    def names(self) -> PrefectNames:
        """The names of the site's objects in Prefect."""
        return PrefectNames(self.pool)


class AppSettings(BaseSettings):
    """What a site sets once; `PolicyRecord` holds what its administrators change while it runs."""

    # Python values in Django's settings must have the right type; a rejected value is not repeated by pydantic.
    model_config = SettingsConfigDict(env_prefix=PREFIX, strict=True, frozen=True, hide_input_in_errors=True)

    site_url: str = Field(
        default="http://127.0.0.1:8000",
        description="URL of the site as people see it, without a path: for a site below one, set Django's "
        "`FORCE_SCRIPT_NAME` as well. Links in e-mails begin with both.",
    )
    package_dir: Folder = Field(
        default=Path("packages"), description="Folder of finished packages, shared by the site and all workers."
    )
    staging_dir: Folder = Field(
        default=Path("staging"), description="Folder into which a worker fetches; it may differ between machines."
    )
    file_roots: tuple[Folder, ...] = Field(
        default=(),
        strict=False,
        description="Folders below which the files of the source `file` must lie.",
    )
    private_addresses: tuple[AllowedHosts, ...] = Field(
        default=(),
        strict=False,
        description="Private networks in which resources may lie, such as `192.0.2.0/24`, or with one port, "
        "`192.0.2.7:8080` and `[2001:db8::7]:8080`; all others are rejected. A redirect may lead to the resource's own "
        "host and port and to public addresses. A port of mail, databases and the like is opened only where an entry "
        "names it.",
    )
    outbound_proxy: ProxyUrl = Field(
        default=SecretStr(""),
        description="URL of the proxy through which data are fetched, such as "
        "`http://user:password@proxy.example.org:3128`. If empty, they are fetched directly; `HTTP_PROXY` and the like "
        "of the environment are never used.",
    )
    no_proxy: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Hosts that are contacted without the proxy: names, which stand for all below them too, networks, "
        "each with a port or without; `*` for all.",
    )
    deliver_unproven: bool = Field(
        default=True,
        description="Whether a file is delivered of which nothing proves that it is complete: its source says no "
        "length and sends something else each time. It is marked as `unproven` on pages, in e-mails and in the "
        "manifest. If not, it is tried again and given up in the end.",
    )
    storage: str = Field(
        default="downman.storage.FolderStorage", description="Dotted path of the class that stores packages."
    )
    sources: DottedPaths = Field(
        default_factory=dict,
        description="Sources besides `http` and `file`: the dotted path of each class by the name that resources have "
        "as their source. In the environment: `name=dotted.path,name=dotted.path`.",
    )
    trigger: str = Field(
        default="downman.trigger.PrefectTrigger",
        description="Dotted path of the class that requests runs of jobs.",
    )
    prefect_api_url: str = Field(
        default=PrefectConnection.model_fields["api_url"].default,
        description="URL of Prefect's API. If not set, `PREFECT_API_URL` of the environment is used.",
    )
    prefect_api_auth_string: SecretStr = Field(
        default=SecretStr(""),
        description="User and password of Prefect's API, with a colon between them. If not set, "
        "`PREFECT_API_AUTH_STRING` of the environment is used; without that, for a server on the same machine, a login "
        "made from the site's `SECRET_KEY`.",
    )
    pool: PoolName = Field(
        default=DEFAULT_POOL,
        description="Prefect work pool of the site; sites that share a Prefect server need one each. If not set, "
        "`DOWNMAN_POOL` of the environment is used.",
    )
    trigger_timeout_seconds: float = Field(
        default=5.0,
        gt=0,
        le=300,
        allow_inf_nan=False,
        description="Seconds that requesting a run may take before it is left to the next scheduled run. No person "
        "waits for it.",
    )
    behaviour: PackagingMode = Field(
        default=PackagingMode.ALL, strict=False, description="What is packaged: `NEVER`, `DYNAMIC` or `ALL`."
    )
    cart_limit: Parts = Field(default=20, ge=1, le=10_000, description="Largest number of parts in one order.")
    validity_days: Days = Field(default=7, ge=1, description="Days for which a link can be used.")
    max_public_bytes: Bytes = Field(
        default=300 * MEGABYTE, ge=1, description="Size of one part above which an administrator must approve it."
    )
    limits: bool = Field(
        default=True, description="Whether limits hold at all; `false` is for loads and for sites without strangers."
    )
    limit_window_seconds: Seconds = Field(
        default=Limits.window_seconds, ge=1, description="Seconds for which orders and free-text requests are counted."
    )
    limit_orders_per_network: Orders = Field(
        default=Limits.orders_per_network,
        ge=0,
        description="Orders and free-text requests of one client network in that time; 0: any number.",
    )
    limit_orders_per_person: Orders = Field(
        default=Limits.orders_per_person,
        ge=0,
        description="Orders and free-text requests of one person (a user of the site, otherwise an e-mail address) in "
        "that time; 0: any number.",
    )
    limit_open_orders: Orders = Field(
        default=Limits.open_orders,
        ge=0,
        description="Orders of one person that have not come to their end; 0: any number.",
    )
    limit_bytes_under_way: Bytes = Field(
        default=Limits.bytes_under_way,
        ge=0,
        description="Size of all parts of one person that are still to come, as far as it is known; 0: any size.",
    )
    limit_bytes_kept: Bytes = Field(
        default=Limits.bytes_kept,
        ge=0,
        description="Size of all packages of one person that can be downloaded; 0: any size.",
    )
    limit_mails_per_day: Mails = Field(
        default=Limits.mails_per_day,
        ge=0,
        description="E-mails to one address in 24 hours; what goes beyond is sent later; 0: any number.",
    )
    limit_ipv4_prefix: Bits = Field(
        default=Limits.ipv4_prefix, ge=1, le=32, description="Leading bits of an IPv4 address that make its network."
    )
    limit_ipv6_prefix: Bits = Field(
        default=Limits.ipv6_prefix, ge=1, le=128, description="Leading bits of an IPv6 address that make its network."
    )
    limit_staff: bool = Field(
        default=False, description="Whether limits hold for users who may log in to the admin (`is_staff`), too."
    )
    trusted_proxies: tuple[Proxy, ...] = Field(
        default=(),
        strict=False,
        description="Networks of the proxies in front of the site, whose `X-Forwarded-For` is believed, such as "
        "`127.0.0.1/32`; `unix` for one that connects by a socket of the machine. The header of all others is ignored.",
    )
    max_resource_bytes: Bytes = Field(
        default=50_000 * MEGABYTE, ge=1, description="Size of one part above which it is never fetched."
    )
    max_order_bytes: Bytes = Field(
        default=256 * 1024, ge=1, description="Largest size of the body of a request that places an order."
    )
    default_estimate_bytes: Bytes = Field(
        default=100 * MEGABYTE, ge=1, description="Disk space reserved for a part whose size is not known yet."
    )
    storage_budget_bytes: Bytes = Field(
        default=0,
        ge=0,
        description="Disk space that all packages together may use; 0: as much as the disk has, except its reserve.",
    )
    evict_promised: bool = Field(
        default=False,
        description="Whether active links may be ended early, least recently used first, to keep the storage budget.",
    )
    expiry_warning_hours: Hours = Field(
        default=48, ge=0, description="Hours before a link expires at which its owner gets an e-mail; 0: none is sent."
    )
    max_validity_days: Days = Field(
        default=30, ge=1, description="Days after its creation up to which the owner of a link may extend it."
    )
    keep_requests_days: Days = Field(
        default=365,
        ge=0,
        description="Days after its last change for which a finished order is kept, with its e-mail address; "
        "0: indefinitely.",
    )
    source_retry_seconds: Delays = Field(
        default=_seconds(SOURCE_RETRIES.delays),
        description="Seconds until a part that its source did not deliver is tried again: after the first failure, the "
        "second, and so on; the last one repeats.",
    )
    source_give_up_seconds: Seconds = Field(
        default=int(SOURCE_RETRIES.give_up_after.total_seconds()),
        ge=1,
        description="Seconds after its first failure at which a part that still fails is given up.",
    )
    mail_retry_seconds: Delays = Field(
        default=_seconds(MAIL_RETRIES.delays),
        description="Seconds until an e-mail that could not be sent is tried again: after the first failure, the "
        "second, and so on; the last one repeats.",
    )
    mail_give_up_seconds: Seconds = Field(
        default=int(MAIL_RETRIES.give_up_after.total_seconds()),
        ge=1,
        description="Seconds after which an e-mail that still cannot be sent is given up.",
    )
    space_retry_seconds: Seconds = Field(
        default=int(SPACE_RETRY.total_seconds()),
        ge=1,
        description="Seconds after which an order that waits for disk space is tried again.",
    )
    lease_seconds: int = Field(
        default=60,
        ge=LEAST_LEASE_SECONDS,
        le=3600,
        description="Seconds after its last renewal at which a run's lease on an order expires.",
    )
    stalled_after_seconds: int = Field(
        default=30,
        ge=0,
        le=24 * 3600,
        description="Seconds after its due time at which an order that no run has started counts as stalled.",
    )
    orphan_after_seconds: Seconds = Field(
        default=24 * 3600,
        ge=1,
        description="Age at which a file in the package or staging folder that belongs to no order is deleted.",
    )
    administrators: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="E-mail addresses that are notified when an order waits for approval; the download policy in the "
        "admin can name others.",
    )
    mail_from: str = Field(
        default="downman@localhost",
        description="Sender of all e-mails. If not set, Django's `DEFAULT_FROM_EMAIL` is used where the site sets it.",
    )
    internal_mail_domains: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Domains, with all below them, to which the site's mail server delivers though the Internet does "
        "not know them, such as `intranet.local`. People may order with e-mail addresses there.",
    )
    mail_smtputf8: bool = Field(
        default=True,
        description="Whether the mail server takes e-mail addresses with letters beyond ASCII before the @ (SMTPUTF8, "
        "RFC 6531). If not, an order with such an address is refused.",
    )
    verify_email: VerifyEmail = Field(
        default=VerifyEmail.NEVER,
        strict=False,
        description="Whose e-mail address must be confirmed, by a link that is sent to it, before anything is fetched "
        "or sent: `never` anybody's, that of `anonymous` visitors, or `always`.",
    )
    verify_email_hours: Hours = Field(
        default=24,
        ge=1,
        description="Hours for which such a link can be used. What is not confirmed by then is cancelled.",
    )
    verified_email_days: Days = Field(
        default=30,
        ge=0,
        description="Days for which an address that was confirmed need not be confirmed again when the same logged-in "
        "user writes it again; 0: each time.",
    )
    mail_block: str = Field(
        default="",
        description="Name of the Prefect block with the mail server and its login. If empty: that of the pool and "
        "`-mail`, so `downman-mail`.",
    )
    mail_timeout_seconds: float = Field(
        default=30,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="Seconds that each response of the mail server may take.",
    )
    secret_urls_require_login: bool = Field(
        default=False,
        description="Whether a site whose `LoginRequiredMiddleware` demands a login of everybody demands it also for "
        "what a secret in the URL opens: an order's page, its package, and its part of the API.",
    )
    content_security_policy: str | None = Field(
        default=None,
        description="Content-Security-Policy of the app's pages. If not set: only the site's own scripts, styles "
        "and pictures, and no frames around them; if empty, the app sets none, for a site that sets its own.",
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""),
        description="Token that Prometheus must send to read the metrics (`Authorization: Bearer ...`). If empty, only "
        "programs on the site's own machine that connect directly may read them.",
    )
    staging_reserve_bytes: Bytes = Field(
        default=100 * MEGABYTE,
        ge=0,
        description="Disk space that must be free in the staging folder before work starts.",
    )
    package_reserve_bytes: Bytes = Field(
        default=200 * MEGABYTE,
        ge=0,
        description="Disk space that must be free in the package folder before work starts.",
    )
    parallel_fetches: Parts = Field(
        default=4, ge=1, le=100, description="Parts of one order that are fetched concurrently."
    )
    parallel_fetches_per_host: Parts = Field(
        default=2, ge=1, le=100, description="Parts of one order that are fetched concurrently from one host."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the arguments, then Django's settings; the environment only where a site asks for it."""
        return init_settings, DjangoSource(settings_cls)

    @property
    def names(self) -> PrefectNames:
        """The names of the site's objects in Prefect."""
        return PrefectNames(self.pool)

    @property
    def mail_block_name(self) -> str:
        """The name of the block with the mail server."""
        return self.mail_block or self.names.mail_block

    @property
    def source_retries(self) -> RetryPolicy:
        """When a part that could not be fetched is tried again."""
        return _retry_policy(self.source_retry_seconds, self.source_give_up_seconds)

    @property
    def mail_retries(self) -> RetryPolicy:
        """When an e-mail that could not be sent is tried again."""
        return _retry_policy(self.mail_retry_seconds, self.mail_give_up_seconds)


def _retry_policy(delays: Sequence[int], give_up_after: int) -> RetryPolicy:
    return RetryPolicy(
        delays=tuple(timedelta(seconds=delay) for delay in delays), give_up_after=timedelta(seconds=give_up_after)
    )


class DjangoSource(PydanticBaseSettingsSource):
    """Django's settings; where they do not name Prefect's server, the variables that Prefect's own programs read.

    Where nobody names a login, the site has one of its own for a server on its machine (`downman service prefect`).
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the value of one setting; None for one that is not set."""
        return _from_django().get(get_variable_name(self.settings_cls, field_name)), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the values that are set, by the names of their fields."""
        given = {SETTING_FIELDS[name]: value for name, value in _from_django().items()}
        prefect = read_settings(PrefectConnection, os.environ)
        values: dict[str, Any] = {
            "prefect_api_url": prefect.api_url,
            "prefect_api_auth_string": prefect.api_auth_string,
            "pool": read_settings(PoolChoice, os.environ).pool,
        }
        if sender := _get_if_set("DEFAULT_FROM_EMAIL"):
            values["mail_from"] = sender
        values.update(given)
        if "prefect_api_auth_string" not in given and not prefect.api_auth_string.get_secret_value():
            values["prefect_api_auth_string"] = _make_login(values["prefect_api_url"])
        return values


#: The names in Django's settings, each with its field.
SETTING_FIELDS: Mapping[str, str] = {get_variable_name(AppSettings, name): name for name in AppSettings.model_fields}
_VARIABLES = (
    *(get_variable_name(PrefectConnection, name) for name in PrefectConnection.model_fields),
    *(name + SUFFIX for name in get_secret_names(PrefectConnection)),
    *(get_variable_name(PoolChoice, name) for name in PoolChoice.model_fields),
)
_DELETED = object()
#: The values of the last call of `app_settings`, and what they were validated to.
_last: dict[str, tuple[object, AppSettings]] = {}


def _from_django() -> dict[str, Any]:
    is_set = django_settings.is_overridden  # type: ignore[misc]  # django-stubs do not know it
    # A setting that a test deleted counts as overridden.
    return {
        name: value
        for name in SETTING_FIELDS
        if is_set(name) and (value := getattr(django_settings, name, _DELETED)) is not _DELETED
    }


def _get_if_set(name: str) -> Any:
    """Return one of Django's own settings; None where the site does not set it."""
    is_set = django_settings.is_overridden  # type: ignore[misc]  # django-stubs do not know it
    return getattr(django_settings, name, None) if is_set(name) else None


def _make_login(api_url: Any) -> SecretStr:
    """Return a login that only who knows the site's key knows; none for a server elsewhere, which has its own."""
    try:
        host = urlsplit(api_url).hostname or ""
    except (ValueError, TypeError, AttributeError):
        # The checks say what is wrong with it.
        return SecretStr("")
    key = _get_if_set("SECRET_KEY")
    if not key or not is_this_machine(host):
        return SecretStr("")
    return SecretStr(f"downman:{salted_hmac('downman.prefect', 'login', secret=key, algorithm='sha256').hexdigest()}")


def app_settings() -> AppSettings:
    """Return the settings as they are now: tests and sites may override them at any time.

    They are validated only where a value differs from the last call's. Raises `InvalidSettings`.
    """
    if not django_settings.USE_TZ:
        # Processes that run no checks come here before they store a time.
        raise InvalidSettings([f"{NO_TIME_ZONES} Set it to True."])
    given = _from_django()
    variables = [
        *(os.environ.get(name) for name in _VARIABLES),
        *(_get_if_set(name) for name in ("SECRET_KEY", "DEFAULT_FROM_EMAIL")),
    ]
    values, settings = _last.get("call", (None, None))
    if settings is None or values != (given, variables):
        try:
            settings = AppSettings()
        except ValidationError as exc:
            raise InvalidSettings(to_sentences(exc, AppSettings)) from exc
        # A list or a mapping is copied: it may be changed in place.
        copied = {name: copy(value) if isinstance(value, list | dict) else value for name, value in given.items()}
        _last["call"] = (copied, variables), settings
    return settings


def prefect_names() -> PrefectNames:
    """Return the names of the site's objects in Prefect."""
    return app_settings().names


def settings_from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that an environment holds, for `globals().update(...)` in a site's settings.

    Lists are written with commas, truth as `true` or `false`; a secret may lie in a file (`secret_files`). An empty
    value counts as not set. Raises `InvalidSettings` with everything that is unknown or invalid.
    """
    known = {*SETTING_FIELDS, *(name + SUFFIX for name in get_secret_names(AppSettings))}
    reasons = [
        unknown_name(name, SETTING_FIELDS)
        for name, text in sorted(environment.items())
        if name.startswith(PREFIX) and text and name not in known
    ]
    try:
        settings = read_settings(AppSettings, environment)
    except InvalidSettings as exc:
        raise InvalidSettings([*reasons, *exc.reasons]) from exc
    if reasons:
        raise InvalidSettings(reasons)
    values = {
        name: getattr(settings, field) for name, field in SETTING_FIELDS.items() if field in settings.model_fields_set
    }
    return {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in values.items()}
