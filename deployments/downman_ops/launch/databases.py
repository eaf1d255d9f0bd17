"""The two databases of an installation, the site's and Prefect's, by URL."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql

from downman_ops.errors import ConfigurationError

#: The database that every PostgreSQL server has.
MAINTENANCE_DATABASE = "postgres"
CONNECT_SECONDS = 10


def sibling(url: str, database: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def prefect_url(url: str) -> str:
    """Return the URL as Prefect's driver wants it: asyncpg, which says `ssl` where others say `sslmode`."""
    parts = urlsplit(url)
    query = [("ssl" if name == "sslmode" else name, value) for name, value in parse_qsl(parts.query)]
    return urlunsplit(parts._replace(scheme="postgresql+asyncpg", query=urlencode(query)))


def ensure_database(url: str) -> None:
    """Make the database unless it is there. Raises `ConfigurationError` when it is out of reach."""
    name = urlsplit(url).path.lstrip("/")
    try:
        if not _is_there(url, name):
            _make(url, name)
    except psycopg2.Error as exc:
        reason = " ".join(str(exc).split())
        raise ConfigurationError(f"The database {name!r} cannot be reached or made: {reason}") from exc


def _is_there(url: str, name: str) -> bool:
    try:
        connection = psycopg2.connect(sibling(url, MAINTENANCE_DATABASE), connect_timeout=CONNECT_SECONDS)
    except psycopg2.OperationalError:
        # A login that may use its own database only: then that one must be there.
        psycopg2.connect(url, connect_timeout=CONNECT_SECONDS).close()
        return True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            return cursor.fetchone() is not None
    finally:
        connection.close()


def _make(url: str, name: str) -> None:
    connection = psycopg2.connect(sibling(url, MAINTENANCE_DATABASE), connect_timeout=CONNECT_SECONDS)
    try:
        connection.autocommit = True  # CREATE DATABASE runs in no transaction
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
            )
    finally:
        connection.close()
