"""Return whether this process of the site can serve people: what a load balancer or a service manager asks for."""

import logging
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import httpx
from django.db import DatabaseError, InterfaceError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from downman.apps import DownloadsConfig
from downman.monitoring.timed_probe import TimedProbe
from downman.prefect_api import PrefectApi, PrefectUnavailable
from downman.settings import AppSettings, app_settings

logger = logging.getLogger(__name__)

#: Of libpq: a server that is unavailable, or hangs, ends the probe's thread after so long (seconds; milliseconds).
LIMITS = {"connect_timeout": 2, "tcp_user_timeout": 3000}
PREFECT_SECONDS = 1.0
#: What is raised where something is unavailable, in contrast to a bug of ours.
UNAVAILABLE_ERRORS = (PrefectUnavailable, DatabaseError, InterfaceError, OSError, TimeoutError, httpx.InvalidURL)


class Readiness(StrEnum):
    """Whether the site can serve people."""

    OK = "ok"  #: Everything works.
    DEGRADED = "degraded"  #: People can order and download; orders continue when Prefect is back.
    UNAVAILABLE = "unavailable"  #: People cannot order, or cannot download what is ready.


@dataclass(frozen=True, kw_only=True)
class PartStatus:
    """The status of one part, for everybody: without a name of a host, a folder or a user."""

    ok: bool
    detail: str


def missing_migrations(_settings: AppSettings) -> frozenset[str]:
    """Ask the database, by a connection of its own, for the app's migrations; give those that are not applied.

    Raises Django's errors of databases when it does not answer.
    """
    probe = connection.copy()
    probe.settings_dict["OPTIONS"] = {**probe.settings_dict["OPTIONS"], **LIMITS}
    with closing(probe):
        return _migrations() - _applied(probe)


def _applied(probe: BaseDatabaseWrapper) -> frozenset[str]:
    # Django's recorder finds the table by the connection that it is given, but reads it by the thread's own.
    if not MigrationRecorder(probe).has_table():
        return frozenset()
    with probe.cursor() as cursor:
        cursor.execute("SELECT name FROM django_migrations WHERE app = %s", [DownloadsConfig.label])
        return frozenset(name for (name,) in cursor.fetchall())


@cache
def _migrations() -> frozenset[str]:
    on_disk = MigrationLoader(None).disk_migrations
    return frozenset(name for app, name in on_disk if app == DownloadsConfig.label)


def _read_package_folder(settings: AppSettings) -> None:
    with os.scandir(settings.package_dir) as entries:
        next(entries, None)


def _probe_prefect(settings: AppSettings) -> None:
    api = PrefectApi(
        api_url=settings.prefect_api_url,
        auth_string=settings.prefect_api_auth_string.get_secret_value(),
        timeout_seconds=PREFECT_SECONDS,
    )
    with closing(api):
        api.version_and_time(timeout_seconds=PREFECT_SECONDS)


MIGRATIONS = TimedProbe(missing_migrations)
STORAGE = TimedProbe(_read_package_folder)
#: Kept for longer: it is another server, which has its own work.
PREFECT = TimedProbe(_probe_prefect, keep_seconds=5.0)

WORDS: Mapping[str, tuple[str, str]] = {
    "database": ("It answers.", "It does not answer. Check that PostgreSQL runs; `downman doctor` says more."),
    "migrations": ("All are applied.", "Some are missing, or cannot be read. Run: manage.py migrate"),
    "storage": ("Packages can be read.", "The package folder cannot be read. Mount it; `downman doctor` says more."),
    "prefect": ("It answers.", "It does not answer as it should. Orders are accepted, and continue when it is back."),
}


def check_readiness() -> tuple[Readiness, Mapping[str, PartStatus]]:
    """Probe every part, all at the same time; none takes more than a second."""
    settings = app_settings()
    probes: Mapping[str, TimedProbe[Any]] = {"database": MIGRATIONS, "storage": STORAGE, "prefect": PREFECT}
    for probe in probes.values():
        probe.begin(settings)
    is_ok = {part: _is_ok(part, probe, settings) for part, probe in probes.items()}
    is_ok["migrations"] = is_ok["database"] and not MIGRATIONS.answer(settings)
    parts = {part: PartStatus(ok=is_ok[part], detail=words[not is_ok[part]]) for part, words in WORDS.items()}
    if all(is_ok.values()):
        return Readiness.OK, parts
    needed = (is_ok[part] for part in parts if part != "prefect")
    return (Readiness.DEGRADED if all(needed) else Readiness.UNAVAILABLE), parts


def describe_error(exc: Exception) -> str:
    """Return an error in one line, for the log."""
    return ": ".join([type(exc).__name__, *str(exc).splitlines()[:1]])


def _is_ok(part: str, probe: TimedProbe[Any], settings: AppSettings) -> bool:
    try:
        probe.answer(settings)
    except UNAVAILABLE_ERRORS as exc:
        logger.warning("Not ready: %s (%s).", part, describe_error(exc))
        return False
    except Exception:
        logger.exception("Not ready: %s.", part)
        return False
    return True
