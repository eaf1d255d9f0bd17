"""The site's database: reachable, new enough, migrated, its clock right."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime

from django.db import DatabaseError, InterfaceError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from downman.apps import DownloadsConfig
from downman_ops.doctor.clock import compare_clocks
from downman_ops.doctor.findings import Finding, State, ok, wrong

PART, SERVER, MIGRATIONS = "database", "PostgreSQL", "migrations"
#: Seconds within which a server must have answered.
CONNECT_SECONDS = 2
OLDEST_VERSION = 15
ENCODING = "UTF8"


def check_database() -> Iterator[Finding]:
    """Check the server, its clock, and the app's tables; without a connection there is only one finding."""
    if connection.vendor != "postgresql":
        yield wrong(PART, f"it is {connection.vendor}", "Set DATABASES to a PostgreSQL; downman uses its locks.")
        return
    # A connection of its own: the present one may have been open for long, and has no such limit.
    probe = connection.copy()
    probe.settings_dict["OPTIONS"] = {**probe.settings_dict["OPTIONS"], "connect_timeout": CONNECT_SECONDS}
    with closing(probe):
        try:
            probe.ensure_connection()
        except (DatabaseError, InterfaceError) as exc:
            said = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
            hint = "See that PostgreSQL runs, and that DATABASES names it, its user and password."
            yield wrong(PART, f"{_where()} cannot be used: {said}", hint)
            return
        yield ok(PART, f"{_where()} answers")
        yield from _server(probe)
        yield from _migrations(probe)


def tables_answer(found: Sequence[Finding]) -> bool:
    """Return whether, by what was found, the app's tables can be queried."""
    return not any(finding.part in {PART, MIGRATIONS} and finding.state is State.WRONG for finding in found)


def _where() -> str:
    settings = connection.settings_dict
    host = f"{settings['HOST'] or 'the local socket'}" + (f":{settings['PORT']}" if settings["PORT"] else "")
    return f"{settings['NAME']} at {host}"


def _server(probe: BaseDatabaseWrapper) -> Iterator[Finding]:
    with probe.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = str(cursor.fetchone()[0]).split()[0]
        cursor.execute("SHOW server_encoding")
        encoding = str(cursor.fetchone()[0])
        before = datetime.now(UTC)
        cursor.execute("SELECT clock_timestamp()")
        theirs, after = cursor.fetchone()[0], datetime.now(UTC)
    found = f"{version}, {encoding}"
    if int(version.split(".")[0]) < OLDEST_VERSION:
        yield wrong(SERVER, found, f"Upgrade PostgreSQL to {OLDEST_VERSION} or newer.")
    elif encoding != ENCODING:
        yield wrong(SERVER, found, "Create a new database with ENCODING 'UTF8', and restore a dump into it.")
    else:
        yield ok(SERVER, found)
    yield compare_clocks("the database", theirs=theirs, before=before, after=after)


def _migrations(probe: BaseDatabaseWrapper) -> Iterator[Finding]:
    executor = MigrationExecutor(probe)
    loader, label = executor.loader, DownloadsConfig.label
    missing = executor.migration_plan(loader.graph.leaf_nodes(label))
    unknown = sorted(
        name for app, name in loader.applied_migrations if app == label and (app, name) not in loader.graph
    )
    if missing:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in missing)
        yield wrong(MIGRATIONS, f"not applied: {names}", "downman manage migrate")
    if unknown:
        newer = f"the database has been migrated by a newer downman: {', '.join(unknown)}"
        yield wrong(
            MIGRATIONS, newer, "Install that version here too, or go back with its own `downman manage migrate`."
        )
    if not (missing or unknown):
        yield ok(MIGRATIONS, "all are applied")
