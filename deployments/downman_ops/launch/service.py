"""One part of an installation in the foreground: `python -m downman_ops.launch.service PART`.

It reads the environment (over it a file with `--env-file`), refuses what cannot be meant, gives the program of the part
what that needs and none of the other parts' secrets, and becomes it.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from downman.domain.jobs import WORK_POOL, Queue
from downman_ops.errors import ConfigurationError
from downman_ops.launch import prefect_environment
from downman_ops.launch.env_file import enter
from downman_ops.launch.service_settings import ServiceSettings
from downman_ops.settings import PoolSettings

#: The smallest site with settings for production; one's own is named by DJANGO_SETTINGS_MODULE.
SETTINGS = "downman_site.production"
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
    "cli": (*_OF_PREFECTS_SERVER, *_OF_THE_SITE, *_OF_THE_SETUP),
}
#: Parts that are commands, with what they are.
COMMANDS: Mapping[str, str] = {
    "manage": "one of Django's commands",
    "bootstrap": "pool, queues and deployments only; --show: what is in force",
    "cli": "one of Prefect's own commands, with its login",
}


def main() -> int:
    """Become the part, or give the exit status of a refusal."""
    parser = argparse.ArgumentParser(prog="python -m downman_ops.launch.service", description=__doc__)
    parser.add_argument("--env-file", type=Path, help="a file of NAME=value lines, over the environment")
    parts = parser.add_subparsers(dest="part", metavar="PART", required=True)
    parts.add_parser("prefect", help="Prefect's server")
    parts.add_parser("setup", help="bring databases, static files, pool, queues and deployments up to date, and end")
    parts.add_parser("site", help="the site, by gunicorn")
    worker = parts.add_parser("worker", help="a worker")
    worker.add_argument("--queues", default=",".join(Queue), help="the queues that it serves, with commas (all)")
    worker.add_argument("--name", help="the name under which it is seen")
    for name, text in COMMANDS.items():
        # All that follows is the command's own, options too.
        command = parts.add_parser(name, help=text, add_help=False, prefix_chars="\0")
        command.add_argument("words", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        enter(arguments.env_file)
        _become(arguments)
    except ConfigurationError as exc:
        print("\n".join(f"downman: {line}" for line in str(exc).splitlines()), file=sys.stderr)  # noqa: T201
    return 1


def _become(arguments: argparse.Namespace) -> None:
    settings = ServiceSettings()
    home = settings.home.expanduser().resolve()
    defaults = {**prefect_environment.DEFAULTS, "DJANGO_SETTINGS_MODULE": SETTINGS, "PYTHONUNBUFFERED": "1"}
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_API_URL", f"http://{settings.prefect_host}:{settings.prefect_port}/api")
    os.environ.update(prefect_environment.for_all(home / "prefect"), DOWNMAN_HOME=str(home))
    programs: Mapping[str, Callable[[], list[str]]] = {
        "prefect": lambda: _prefect(settings, home),
        "setup": _setup,
        "site": lambda: _site(settings),
        "worker": lambda: _worker(settings, arguments),
        "bootstrap": lambda: ["-m", "downman_ops.prefect_setup.bootstrap", *arguments.words],
        "manage": lambda: ["-m", "django", *arguments.words],
        "cli": lambda: ["-m", "prefect", *arguments.words],
    }
    program = programs[arguments.part]()
    for name in NOT_FOR[arguments.part]:
        os.environ.pop(name, None)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *program])  # noqa: S606 - it is to be no shell


def _prefect(settings: ServiceSettings, home: Path) -> list[str]:
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
    os.environ.update(prefect_environment.for_server(home / "prefect", database_url=url, login=login))
    return [
        "-m", "prefect", "server", "start", f"--host={settings.prefect_host}", f"--port={settings.prefect_port}",
    ]  # fmt: skip


def _setup() -> list[str]:
    _check_site()
    from django.conf import settings as django_settings  # noqa: PLC0415 - Django is set up now
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=1)
    if django_settings.STATIC_ROOT:
        call_command("collectstatic", interactive=False, verbosity=1)
    return ["-m", "downman_ops.prefect_setup.bootstrap"]


def _site(settings: ServiceSettings) -> list[str]:
    _check_site()
    from django.conf import settings as django_settings  # noqa: PLC0415 - Django is set up now

    module, _, name = django_settings.WSGI_APPLICATION.rpartition(".")
    return [
        "-m", "gunicorn", f"{module}:{name}", f"--bind={settings.site_bind}", "--worker-class=gthread",
        f"--workers={settings.site_processes}", f"--threads={settings.site_threads}", "--graceful-timeout=30",
        f"--log-level={settings.log_level.lower()}", "--worker-tmp-dir=/dev/shm",
    ]  # fmt: skip


def _worker(settings: ServiceSettings, arguments: argparse.Namespace) -> list[str]:
    queues = [name.strip() for name in arguments.queues.split(",") if name.strip()]
    unknown = sorted(set(queues) - set(Queue))
    if unknown or not queues:
        raise ConfigurationError(f"--queues {arguments.queues}: the queues are {', '.join(Queue)}.")
    os.environ["PREFECT_WORKER_QUERY_SECONDS"] = str(settings.poll_seconds)
    program = ["-m", "prefect", "worker", "start", f"--pool={WORK_POOL}", f"--type={PoolSettings().worker_type}"]
    program += [f"--work-queue={queue}" for queue in queues]
    return [*program, f"--name={arguments.name}"] if arguments.name else program


def _check_site() -> None:
    """Set Django up; refuse to start with what its checks call an error, and print what they warn of."""
    import django  # noqa: PLC0415 - only site and setup need it here
    from django.core.checks import ERROR, run_checks  # noqa: PLC0415
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    try:
        django.setup()
        found = [message for message in run_checks(include_deployment_checks=True) if not message.is_silenced()]
    except (ImproperlyConfigured, ImportError, ValueError) as exc:
        raise ConfigurationError(f"{os.environ['DJANGO_SETTINGS_MODULE']}: {exc}") from exc
    wrong = [message for message in found if message.level >= ERROR]
    if wrong:
        raise ConfigurationError(
            "\n".join(f"{message.id}: {message.msg} {message.hint or ''}".strip() for message in wrong)
        )
    for message in found:
        print(f"downman: {message.id}: {message.msg} {message.hint or ''}".strip(), file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
