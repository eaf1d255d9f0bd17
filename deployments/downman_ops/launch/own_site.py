"""A Django site of one's own: its settings are found from its folder, and say what downman's programs need."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from downman.domain.loopback import is_this_machine
from downman.environment import get_variable_name
from downman_ops.errors import ConfigurationError
from downman_ops.launch import databases
from downman_ops.launch.django_setup import explaining_settings
from downman_ops.launch.strangers import is_writable_by_all, refuse_strangers

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from downman.settings import AppSettings

SETTINGS_MODULE = "DJANGO_SETTINGS_MODULE"
#: The line by which `startproject` has a site's commands find its settings.
_NAMED_IN_MANAGE = re.compile(r"""setdefault\(\s*["']DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""")
#: Who may enter the folders: of packages a web server in the owner's group too, where workers fetch nobody else.
PACKAGES_MODE, STAGING_MODE = 0o750, 0o700
#: Added to the name of the site's database: Prefect's own on the same server.
PREFECT_SUFFIX = "_prefect"
CONNECT_SECONDS = 10
_MAIL = ("DOWNMAN_MAIL_HOST", "DOWNMAN_MAIL_PORT", "DOWNMAN_MAIL_USER", "DOWNMAN_MAIL_PASSWORD", "DOWNMAN_MAIL_TYPE")


def find_settings_module(folder: Path) -> str | None:
    """Return the settings that `manage.py` in a folder names, if there is one.

    Raises `ConfigurationError` where others may have put it there.
    """
    manage = folder / "manage.py"
    try:
        found = _NAMED_IN_MANAGE.search(manage.read_text())
    except (OSError, UnicodeDecodeError):
        return None
    if found is None:
        return None
    refuse_strangers(
        folder, manage, instead=f"go to the folder of your site with cd, or name its settings in {SETTINGS_MODULE}"
    )
    return found[1]


def make_importable(folder: Path) -> None:
    """Let this process and those that it starts import what `python manage.py` could.

    Not from a folder that everybody may write: the settings are then named, and may lie elsewhere.
    """
    if is_writable_by_all(folder):
        return
    if str(folder) not in sys.path:
        # Last, so that nothing is hidden.
        sys.path.append(str(folder))
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(folder) not in known:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*known, str(folder)]))


def read_site_settings() -> "AppSettings":
    """Return the settings of the app in the site. Raises `ConfigurationError` where they cannot be read."""
    from downman.settings import app_settings  # noqa: PLC0415 - `--help` does without

    with explaining_settings():
        return app_settings()


def load(part: str) -> None:
    """Let this process work with the site, and Prefect's own programs with the server that the site's settings name.

    `part` says what else is needed: only the bootstrap gets the login of the mail server.
    """
    make_importable(Path.cwd())
    if part == "manage":
        # Django's commands say themselves what is wrong with the settings.
        return
    settings = read_site_settings()
    os.environ["PREFECT_API_URL"] = settings.prefect_api_url
    os.environ["DOWNMAN_POOL"] = settings.pool
    if login := settings.prefect_api_auth_string.get_secret_value():
        os.environ["PREFECT_API_AUTH_STRING"] = login
    if part == "bootstrap":
        os.environ.update(get_mail_variables(os.environ))


def get_mail_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the site's mail server (Django's `EMAIL_...`) by our variables; nothing where the environment names one.

    Django's settings must be loaded.
    """
    from django.conf import settings  # noqa: PLC0415 - only where there is a site

    django_names = (
        "EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_SSL", "EMAIL_USE_TLS",
    )  # fmt: skip
    is_set = settings.is_overridden  # type: ignore[misc]  # django-stubs do not know it
    if any(environment.get(name) for name in _MAIL) or not any(is_set(name) for name in django_names):
        return {}
    protection = "SSL" if settings.EMAIL_USE_SSL else "STARTTLS" if settings.EMAIL_USE_TLS else "INSECURE"
    values = (
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD, protection,
    )  # fmt: skip
    return {name: str(value) for name, value in zip(_MAIL, values, strict=True) if value not in {None, ""}}


def make_folders(*, packages: bool) -> None:
    """Make the staging folder, and that of the packages, where they are missing. Raises `ConfigurationError`."""
    settings = read_site_settings()
    wanted = {"staging_dir": STAGING_MODE, **({"package_dir": PACKAGES_MODE} if packages else {})}
    for field, mode in wanted.items():
        make_folder(getattr(settings, field), mode=mode, variable=get_variable_name(type(settings), field))


def make_folder(folder: Path, *, variable: str, mode: int = STAGING_MODE) -> None:
    """Make a folder that a variable or setting names, where it is missing. Raises `ConfigurationError`."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=mode, exist_ok=True)
    except OSError as exc:
        raise ConfigurationError(
            f"{variable}: the folder {folder} cannot be made: {exc.strerror}. Make it, owned by the user of site and "
            "workers, or name another one."
        ) from exc


def ensure_prefect_database() -> str:
    """Make the database of Prefect's server, beside the site's and with its login, and return its URL.

    Raises `ConfigurationError` where the site's database cannot be reached or is no PostgreSQL, or the login may make
    none.
    """
    import django  # noqa: PLC0415 - only where there is a site
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.db import DatabaseError, connection  # noqa: PLC0415

    with explaining_settings():
        django.setup()
    if connection.vendor != "postgresql":
        raise ConfigurationError(f"The site's database is {connection.display_name}; set DATABASES to a PostgreSQL.")
    try:
        connection.ensure_connection()
        name = f"{connection.connection.info.dbname}{PREFECT_SUFFIX}"
        url = _url_of(connection, name)
    except (DatabaseError, ImproperlyConfigured) as exc:
        reason = " ".join(str(exc).split())
        raise ConfigurationError(f"The site's database cannot be reached: {reason}") from exc
    finally:
        connection.close()
    try:
        databases.ensure_database(url)
    except ConfigurationError as exc:
        hint = "give it the site's user as its owner; or name another one in DOWNMAN_PREFECT_DATABASE_URL."
        raise ConfigurationError(f"{exc} Make it with `createdb {name}`, and {hint}") from exc
    return url


def _url_of(connection: "BaseDatabaseWrapper", database: str) -> str:
    """Return the URL of a database on the server of this connection, with its login."""
    # What the driver ended up with: host, user and password may also come from a service file or PGPASSFILE.
    info = connection.connection.info
    login = quote(info.user, safe="") + (f":{quote(info.password, safe='')}" if info.password else "")
    options = {name: value for name in ("sslmode",) if (value := connection.settings_dict["OPTIONS"].get(name))}
    host = f"{info.host}:{info.port}"
    if info.host.startswith("/"):
        # A Unix socket is named among the options.
        host, options = "", {"host": info.host, "port": str(info.port), **options}
    query = f"?{urlencode(options)}" if options else ""
    return f"postgresql://{login}@{host}/{quote(database, safe='')}{query}"


def get_prefect_port(api_url: str) -> int | None:
    """Return the port in the URL of Prefect's API, if it names one of this machine: elsewhere it is a proxy's."""
    try:
        parts = urlsplit(api_url)
        return parts.port if is_this_machine(parts.hostname or "") else None
    except ValueError:
        # The checks of the settings say what is wrong with it.
        return None
