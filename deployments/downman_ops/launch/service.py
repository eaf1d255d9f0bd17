"""One part of an installation in the foreground: `downman service PART`.

It reads the environment (over it a file with `--env-file`), rejects what is not valid, gives the program of the part
what that needs and none of the other parts' secrets, and becomes it. What the environment does not say of a site with
settings of its own is read from those settings (`own_site`).
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from downman.domain.jobs import Queue
from downman_ops.errors import ConfigurationError
from downman_ops.launch import own_site, prefect_environment
from downman_ops.launch.demo_environment import DEMO_SETTINGS
from downman_ops.launch.django_setup import explaining_settings, set_django_up
from downman_ops.launch.env_file import load_env
from downman_ops.launch.exposure import find_exposure
from downman_ops.launch.service_settings import ServiceSettings
from downman_ops.launch.strangers import refuse_open_folder
from downman_ops.settings import PoolSettings

#: The settings of the reference site for production; one's own are named by DJANGO_SETTINGS_MODULE.
PRODUCTION_SETTINGS = "downman_site.production"
#: What every part writes is closed to other users.
_NOT_FOR_OTHERS = 0o027
_OF_PREFECTS_SERVER = ("DOWNMAN_PREFECT_DATABASE_URL",)
_OF_THE_SITE = ("DOWNMAN_SECRET_KEY", "DOWNMAN_DATABASE_URL", "DOWNLOADS_METRICS_TOKEN")
_OF_THE_SETUP = ("DOWNMAN_MAIL_USER", "DOWNMAN_MAIL_PASSWORD")
#: The secrets that a part does not need, and so does not get.
NOT_FOR: Mapping[str, Sequence[str]] = {
    "prefect": (*_OF_PREFECTS_SERVER, *_OF_THE_SITE, *_OF_THE_SETUP),
    "setup": _OF_PREFECTS_SERVER,
    "site": (*_OF_PREFECTS_SERVER, *_OF_THE_SETUP),
    "worker": (*_OF_PREFECTS_SERVER, *_OF_THE_SETUP, "DOWNLOADS_METRICS_TOKEN"),
    "bootstrap": (*_OF_PREFECTS_SERVER, *_OF_THE_SITE),
    "manage": _OF_PREFECTS_SERVER,
}


def run(words: Sequence[str], env_file: Path | None = None) -> int:
    """Become the part; does not return. Raises `ConfigurationError`."""
    parser = argparse.ArgumentParser(
        prog="downman service",
        description="Runs one part of an installation in the foreground, with what the environment says, over it a "
        "file: downman --env-file FILE service PART.",
    )
    parts = parser.add_subparsers(dest="part", metavar="PART", required=True)
    parts.add_parser("prefect", help="Prefect's server")
    parts.add_parser("setup", help="bring databases, static files, pool, queues and deployments up to date, and end")
    parts.add_parser("site", help="the site, by gunicorn")
    worker = parts.add_parser("worker", help="a worker")
    worker.add_argument("--queues", help="the queues that it serves, with commas (all of the pool)")
    worker.add_argument("--name", help="the name under which it is seen")
    arguments = parser.parse_args(words)
    refuse_open_folder(Path.cwd(), what="service")
    if arguments.part != "setup":
        # The web server reads packages by its group, and the static files that the setup collects in its own way.
        os.umask(os.umask(_NOT_FOR_OTHERS) | _NOT_FOR_OTHERS)
    settings = _prepare(env_file, part=arguments.part)
    programs: Mapping[str, Callable[[], list[str]]] = {
        "prefect": lambda: _prefect(settings),
        "setup": _setup,
        "site": lambda: _site(settings),
        "worker": lambda: _worker(settings, arguments),
    }
    program = programs[arguments.part]()
    _drop_secrets(arguments.part)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *program])  # noqa: S606 - it is to be no shell


def load_service_env(env_file: Path | None, *, part: str) -> None:
    """Make the environment of a service, with the secrets that the part needs, this process's own.

    Raises `ConfigurationError` for what is not valid in it.
    """
    _prepare(env_file, part=part)
    _drop_secrets(part)


def is_own_site() -> bool:
    """Return whether the environment names the settings of a site of one's own."""
    return os.environ.get(own_site.SETTINGS_MODULE) not in {None, PRODUCTION_SETTINGS, DEMO_SETTINGS}


def _names_an_installation() -> bool:
    ours = (own_site.SETTINGS_MODULE, "DOWNMAN_", "DOWNLOADS_")
    return any(name.startswith(ours) and name != "DOWNMAN_HOME" for name in os.environ)


def _prepare(env_file: Path | None, *, part: str) -> ServiceSettings:
    load_env(env_file)
    # A file describes an installation wherever the command is typed.
    if (
        env_file is None
        and not os.environ.get(own_site.SETTINGS_MODULE)
        and (module := own_site.find_settings_module(Path.cwd()))
    ):
        os.environ[own_site.SETTINGS_MODULE] = module
    if is_own_site():
        _prepare_own_site(part)
    elif not _names_an_installation():
        raise ConfigurationError(
            "Nothing here says which site is meant: go to its folder, the one with manage.py; or name its settings in "
            f"{own_site.SETTINGS_MODULE}, or the file of your services (--env-file)."
        )
    settings = ServiceSettings()
    home = settings.home.expanduser().resolve()
    defaults = {**prefect_environment.DEFAULTS, "DJANGO_SETTINGS_MODULE": PRODUCTION_SETTINGS, "PYTHONUNBUFFERED": "1"}
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_API_URL", f"http://{settings.prefect_host}:{settings.prefect_port}/api")
    os.environ.update(prefect_environment.for_all(home / "prefect"), DOWNMAN_HOME=str(home))
    return settings


def _prepare_own_site(part: str) -> None:
    """Take from the site's settings what the environment does not say, as far as the part needs it."""
    own_site.make_importable(Path.cwd())
    given = ServiceSettings()
    if {"prefect_host", "prefect_port"} & given.model_fields_set:
        os.environ.setdefault("PREFECT_API_URL", f"http://{given.prefect_host}:{given.prefect_port}/api")
    if part in {"prefect", "setup", "worker"}:
        # Prefect makes its own folder, but not the one above it.
        own_site.make_folder(given.home.expanduser().resolve() / "prefect", variable="DOWNMAN_HOME")
    # Prefect's server may run where the site is not installed; then the environment has all that it needs.
    if part != "prefect" or not os.environ.get("PREFECT_API_AUTH_STRING"):
        own_site.load(part)
    if part == "prefect" and not os.environ.get("DOWNMAN_PREFECT_DATABASE_URL"):
        os.environ["DOWNMAN_PREFECT_DATABASE_URL"] = own_site.ensure_prefect_database()
    port = own_site.get_prefect_port(os.environ.get("PREFECT_API_URL", ""))
    if port and not os.environ.get("DOWNMAN_PREFECT_PORT"):
        os.environ["DOWNMAN_PREFECT_PORT"] = str(port)


def _drop_secrets(part: str) -> None:
    for name in NOT_FOR[part]:
        os.environ.pop(name, None)


def _prefect(settings: ServiceSettings) -> list[str]:
    url = settings.prefect_database_url.get_secret_value()
    if not url:
        raise ConfigurationError(
            "DOWNMAN_PREFECT_DATABASE_URL is not set: Prefect's server needs a PostgreSQL database."
        )
    login = os.environ.get("PREFECT_API_AUTH_STRING", "")
    if ":" not in login:
        raise ConfigurationError(
            "PREFECT_API_AUTH_STRING is not set to user:password: anybody who reaches Prefect's server could run it."
        )
    os.environ.update(prefect_environment.for_server(Path(os.environ["PREFECT_HOME"]), database_url=url, login=login))
    return [
        "-m", "prefect", "server", "start", f"--host={settings.prefect_host}", f"--port={settings.prefect_port}",
    ]  # fmt: skip


def _setup() -> list[str]:
    _check_site()
    from django.conf import settings as django_settings  # noqa: PLC0415 - Django is set up now
    from django.core.management import call_command  # noqa: PLC0415

    own_site.make_folders(packages=True)
    call_command("migrate", interactive=False, verbosity=1)
    if django_settings.STATIC_ROOT:
        call_command("collectstatic", interactive=False, verbosity=1)
    return ["-m", "downman_ops", "bootstrap"]


def _site(settings: ServiceSettings) -> list[str]:
    import_module("gunicorn")  # Where it is missing, that is said before all else.
    _check_site()
    from django.conf import settings as django_settings  # noqa: PLC0415 - Django is set up now

    if exposed := find_exposure(settings.site_bind, own_site.read_site_settings()):
        print(f"downman: {exposed}", file=sys.stderr)  # noqa: T201
    module, _, name = django_settings.WSGI_APPLICATION.rpartition(".")
    return [
        "-m", "gunicorn", f"{module}:{name}", f"--bind={settings.site_bind}", "--worker-class=gthread",
        f"--workers={settings.site_processes}", f"--threads={settings.site_threads}", "--graceful-timeout=30",
        f"--log-level={settings.log_level.lower()}", "--worker-tmp-dir=/dev/shm",
        "--logger-class=downman_ops.launch.gunicorn_log.Logger",
    ]  # fmt: skip


def _worker(settings: ServiceSettings, arguments: argparse.Namespace) -> list[str]:
    queues = [name.strip() for name in (arguments.queues or "").split(",") if name.strip()]
    unknown = sorted(set(queues) - set(Queue))
    if unknown or (arguments.queues is not None and not queues):
        raise ConfigurationError(f"--queues {arguments.queues}: the queues are {', '.join(Queue)}.")
    if is_own_site():
        _check_site(warn=False)
    # That of the packages may be on another machine, which is not mounted yet.
    own_site.make_folders(packages=False)
    os.environ["PREFECT_WORKER_QUERY_SECONDS"] = str(settings.poll_seconds)
    pool = PoolSettings()
    program = ["-m", "prefect", "worker", "start", f"--pool={pool.pool}", f"--type={pool.worker_type}"]
    # Without any it serves all of the pool: a site's own flows are in the queue `default`.
    program += [f"--work-queue={queue}" for queue in queues]
    return [*program, f"--name={arguments.name}"] if arguments.name else program


def _check_site(*, warn: bool = True) -> None:
    """Set Django up; refuse to start with what its checks call an error, and print what they warn of."""
    set_django_up()
    from django.core.checks import ERROR, run_checks  # noqa: PLC0415 - only site and setup need it here

    with explaining_settings():
        found = [message for message in run_checks(include_deployment_checks=True) if not message.is_silenced()]
    wrong = [message for message in found if message.level >= ERROR]
    if wrong:
        raise ConfigurationError(
            "\n".join(f"{message.id}: {message.msg} {message.hint or ''}".strip() for message in wrong)
        )
    # Django's own hints for a site that everybody can reach are many, and the doctor's to explain.
    security = sorted({str(message.id) for message in found if str(message.id).startswith("security.")})
    if warn and security:
        advice = "python manage.py check --deploy explains them"
        print(f"downman: fit for trying out, not for the public ({', '.join(security)}); {advice}.", file=sys.stderr)  # noqa: T201
    for message in found if warn else ():
        if message.id in security:
            continue
        print(f"downman: {message.id}: {message.msg} {message.hint or ''}".strip(), file=sys.stderr)  # noqa: T201
