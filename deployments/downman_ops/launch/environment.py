"""The environment of downman's processes: secrets are read from their files, and whatever is wrong is rejected."""

from collections.abc import Iterator, Mapping

from pydantic_settings import BaseSettings

from downman.environment import (
    InvalidSettings,
    get_secret_names,
    get_variable_name,
    read_settings,
    unknown_name,
)
from downman.secret_files import SUFFIX, read_secret_files
from downman.settings import AppSettings, PrefectConnection
from downman_ops.errors import ConfigurationError
from downman_ops.launch.demo_home import MARK
from downman_ops.launch.service_settings import ServiceSettings
from downman_ops.settings import DemoSettings, PoolSettings
from prefect_warm_process.settings import WarmProcessSettings

#: A name with such a beginning must be one of ours.
OUR_PREFIXES = ("DOWNMAN_", "DOWNLOADS_", "WARM_PROCESS_")
#: The login in Prefect's documentation, which everybody knows.
DOCUMENTED_LOGIN = "admin:pass"
#: Every class of settings that is read from the environment; they declare all known names.
CLASSES: tuple[type[BaseSettings], ...] = (
    PrefectConnection, PoolSettings, ServiceSettings, WarmProcessSettings, DemoSettings, AppSettings,
)  # fmt: skip


def get_known_names() -> frozenset[str]:
    """Return every variable of ours that has a meaning."""
    names = {get_variable_name(kind, field) for kind in CLASSES for field in kind.model_fields}
    return frozenset({*names, MARK, *(name + SUFFIX for name in get_all_secret_names())})


def get_all_secret_names() -> list[str]:
    """Return the variables whose values are secrets; each may lie in a file instead."""
    return sorted({name for kind in CLASSES for name in get_secret_names(kind)})


def resolve_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with its secrets read from their files.

    Raises `ConfigurationError` with everything in it that is unknown, invalid, contradictory or unsafe, a line each,
    with what to do about it.
    """
    filled, unreadable = read_secret_files(environment, get_all_secret_names())
    wrong = [*_unknown(environment), *unreadable]
    if not unreadable:
        # Otherwise a secret in an unreadable file would be reported as missing, too.
        wrong += [*_invalid(filled), *_contradictions(filled), *_unsafe(filled)]
    if wrong:
        # Two classes may declare the same variable.
        raise ConfigurationError("\n".join(dict.fromkeys(wrong)))
    return filled


def _unknown(environment: Mapping[str, str]) -> Iterator[str]:
    known = get_known_names()
    for name in sorted(environment):
        if name.startswith(OUR_PREFIXES) and name not in known:
            yield unknown_name(name, known)


def _invalid(environment: Mapping[str, str]) -> Iterator[str]:
    for kind in CLASSES:
        try:
            read_settings(kind, environment)
        except InvalidSettings as exc:
            yield from exc.reasons


def _contradictions(environment: Mapping[str, str]) -> Iterator[str]:
    for one, other in (
        ("DOWNLOADS_PREFECT_API_URL", "PREFECT_API_URL"),
        ("DOWNLOADS_PREFECT_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"),
        ("DOWNLOADS_MAIL_BLOCK", "DOWNMAN_MAIL_BLOCK"),
        ("DOWNLOADS_POOL", "DOWNMAN_POOL"),
    ):
        first, second = environment.get(one, "").rstrip("/"), environment.get(other, "").rstrip("/")
        if first and second and first != second:
            yield f"{one} and {other} have the same meaning but differ; remove {one}."

    if environment.get("DOWNLOADS_POOL") and not environment.get("DOWNMAN_POOL"):
        yield "DOWNLOADS_POOL is only for Django's settings; in the environment, set DOWNMAN_POOL instead."


def _unsafe(environment: Mapping[str, str]) -> Iterator[str]:
    login = environment.get("PREFECT_API_AUTH_STRING", "")
    if login and not all(login.partition(":")):
        yield "PREFECT_API_AUTH_STRING is not a login; write user and password with a colon between them."
    if login == DOCUMENTED_LOGIN:
        yield "PREFECT_API_AUTH_STRING is the example of Prefect's documentation; choose a secret password."
