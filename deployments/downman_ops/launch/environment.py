"""Which environment downman's processes run under: secrets read from their files, and refused where it is wrong."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from downman.domain.jobs import Queue
from downman.domain.loopback import is_this_machine
from downman.secret_files import SUFFIX, SecretsRefused, with_secrets
from downman.settings import SECRET_SETTINGS, SETTING_FIELDS, SettingsRefused, settings_from_environment, unknown
from downman_ops.errors import ConfigurationError
from downman_ops.launch.orphan_processes import MARK
from downman_ops.launch.service_settings import ServiceSettings
from downman_ops.settings import DemoSettings, PoolSettings, PrefectConnection
from downman_site.environment import to_sentences
from prefect_warm_process.settings import WarmProcessSettings

#: Names that begin so are ours alone.
OURS = ("DOWNMAN_", "DOWNLOADS_", "WARM_PROCESS_")
#: The login in Prefect's documentation, which everybody knows.
PREFECTS_EXAMPLE = "admin:pass"
#: Every class of settings that is read from the environment; what they declare is known, and nothing else.
CLASSES: tuple[type[BaseSettings], ...] = (
    PrefectConnection, PoolSettings, ServiceSettings, WarmProcessSettings, DemoSettings,
)  # fmt: skip


def get_variable_name(settings: type[BaseSettings], field: str) -> str:
    """Return the variable from which a field is read."""
    return f"{settings.model_config.get('env_prefix', '')}{field.upper()}"


def known_names() -> frozenset[str]:
    """Return every variable of ours that means something."""
    names = {get_variable_name(settings, field) for settings in CLASSES for field in settings.model_fields}
    return frozenset({*names, *SETTING_FIELDS, MARK, *(name + SUFFIX for name in secret_names())})


def secret_names() -> list[str]:
    """Return the variables whose values are secrets; each may lie in a file instead."""
    names = {
        get_variable_name(settings, name)
        for settings in CLASSES
        for name, field in settings.model_fields.items()
        if field.annotation is SecretStr
    }
    return sorted({*names, *SECRET_SETTINGS})


def checked_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with its secrets read from their files.

    Raises `ConfigurationError` with everything in it that is unknown, cannot be read, contradicts itself or is unsafe,
    a line each, with what to do about it.
    """
    wrong = [*_unknown(environment)]
    try:
        filled = with_secrets(environment, secret_names())
    except SecretsRefused as exc:
        wrong += exc.reasons
    else:
        wrong += [*_invalid(filled), *_unreadable(filled), *_contradictions(filled), *_unsafe(filled)]
    if wrong:
        # Two classes may declare the same variable.
        raise ConfigurationError("\n".join(dict.fromkeys(wrong)))
    return filled


def _unknown(environment: Mapping[str, str]) -> Iterator[str]:
    known = known_names()
    for name in sorted(environment):
        if name.startswith(OURS) and name not in known:
            yield unknown(name, known)


def _invalid(environment: Mapping[str, str]) -> Iterator[str]:
    for settings in CLASSES:
        source = EnvSettingsSource(settings)
        source.env_vars = {name.lower(): value for name, value in environment.items()}
        try:
            # Not by calling the class, which would read the environment of this process besides.
            settings.__pydantic_validator__.validate_python(source(), self_instance=settings.model_construct())
        except ValidationError as exc:
            yield from to_sentences(exc, str(settings.model_config.get("env_prefix", "")))
        except SettingsError as exc:
            field = re.findall(r'field "(\w+)"', str(exc))[0]
            yield f'{get_variable_name(settings, field)} is not JSON; write a list as in \'["one", "two"]\'.'


def _unreadable(environment: Mapping[str, str]) -> list[str]:
    try:
        settings_from_environment({name: environment[name] for name in SETTING_FIELDS if name in environment})
    except SettingsRefused as exc:
        return exc.reasons
    return []


def _contradictions(environment: Mapping[str, str]) -> Iterator[str]:
    for one, other in (
        ("DOWNLOADS_PREFECT_API_URL", "PREFECT_API_URL"),
        ("DOWNLOADS_PREFECT_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"),
        ("DOWNLOADS_MAIL_BLOCK", "DOWNMAN_MAIL_BLOCK"),
    ):
        first, second = environment.get(one, "").rstrip("/"), environment.get(other, "").rstrip("/")
        if first and second and first != second:
            yield f"{one} and {other} differ, and mean the same; take {one} away."
    database, prefects = environment.get("DOWNMAN_DATABASE_URL"), environment.get("DOWNMAN_PREFECT_DATABASE_URL")
    if database and database == prefects:
        yield "DOWNMAN_DATABASE_URL and DOWNMAN_PREFECT_DATABASE_URL are the same; give Prefect a database of its own."
    yield from _equal_ranks(environment)
    # The default of either may be meant for a demo, so both must be set.
    site, port = environment.get("DOWNMAN_SITE_BIND", ""), environment.get("DOWNMAN_PREFECT_PORT", "")
    if port and site.rpartition(":")[2] == port:
        yield f"DOWNMAN_SITE_BIND and DOWNMAN_PREFECT_PORT are both port {port}; choose another for one of them."


def _equal_ranks(environment: Mapping[str, str]) -> Iterator[str]:
    fields = {get_variable_name(PoolSettings, f"{queue}_priority"): f"{queue}_priority" for queue in Queue}
    ranks = {
        name: environment.get(name) or str(PoolSettings.model_fields[field].default) for name, field in fields.items()
    }
    for rank, count in Counter(ranks.values()).items():
        if count > 1:
            names = sorted(name for name, value in ranks.items() if value == rank)
            yield f"{' and '.join(names)} are both {rank}; each queue needs a rank of its own, 1 is served first."


def _unsafe(environment: Mapping[str, str]) -> Iterator[str]:
    login = environment.get("PREFECT_API_AUTH_STRING", "")
    if login and not all(login.partition(":")):
        yield "PREFECT_API_AUTH_STRING is not a login; write user and password with a colon between them."
    if login == PREFECTS_EXAMPLE:
        yield "PREFECT_API_AUTH_STRING is the example of Prefect's documentation; write a password that nobody knows."
    host = environment.get("DOWNMAN_MAIL_HOST") or str(PoolSettings.model_fields["mail_host"].default)
    kind = environment.get("DOWNMAN_MAIL_TYPE") or str(PoolSettings.model_fields["mail_type"].default)
    if environment.get("DOWNMAN_MAIL_PASSWORD") and kind == "INSECURE" and not is_this_machine(host):
        yield (
            "DOWNMAN_MAIL_PASSWORD would go over the network for everybody to read; set DOWNMAN_MAIL_TYPE to STARTTLS "
            "(with port 587) or SSL (with port 465)."
        )
