"""The commands that are programs of their own: what starts downman, and the ways to Django's and Prefect's commands."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from downman_ops.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Program:
    """One command: `run` gets the words after its name and the file of `--env-file`, and returns the exit status."""

    help: str
    run: Callable[[Sequence[str], Path | None], int]
    #: Whether it passes all words on to another program.
    is_foreign: bool = False


# Each is imported when it runs: most would load what the others need not.


def _demo(words: Sequence[str], env_file: Path | None) -> int:
    from downman_ops.launch import demo  # noqa: PLC0415

    return demo.run(words, env_file)


def _service(words: Sequence[str], env_file: Path | None) -> int:
    from downman_ops.launch import service  # noqa: PLC0415

    return service.run(words, env_file)


def _bootstrap(words: Sequence[str], env_file: Path | None) -> int:
    from downman_ops.cli.bootstrap_options import parse  # noqa: PLC0415
    from downman_ops.cli.installation import load_installation  # noqa: PLC0415

    options = parse(words)
    load_installation(env_file, part="bootstrap")
    from downman_ops.prefect_setup import bootstrap  # noqa: PLC0415 - Prefect reads its settings when it is imported

    return bootstrap.run(options)


def _install(words: Sequence[str], _env_file: Path | None) -> int:
    from downman_ops.launch import install_services  # noqa: PLC0415

    return install_services.run("install", words)


def _uninstall(words: Sequence[str], _env_file: Path | None) -> int:
    from downman_ops.launch import install_services  # noqa: PLC0415

    return install_services.run("uninstall", words)


def _files(words: Sequence[str], _env_file: Path | None) -> int:
    from downman_ops.cli.files import run  # noqa: PLC0415

    return run(words)


def _manage(words: Sequence[str], env_file: Path | None) -> int:
    from downman_ops.cli.installation import load_installation  # noqa: PLC0415

    # Some of Django's commands need no installation, such as `makemigrations`.
    load_installation(env_file, part="manage", must_exist=False)
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    try:
        execute_from_command_line(["downman manage", *words])
    except ImproperlyConfigured as exc:
        raise ConfigurationError(str(exc)) from exc
    return 0


def _prefect(words: Sequence[str], env_file: Path | None) -> int:
    from downman_ops.cli.installation import load_installation  # noqa: PLC0415

    load_installation(env_file, part="prefect")
    from prefect.cli import app  # noqa: PLC0415 - Prefect reads its settings when it is imported

    sys.argv = ["prefect", *words]
    app()
    return 0


PROGRAMS: Mapping[str, Program] = {
    "demo": Program(help="Starts everything on this machine, until Ctrl-C.", run=_demo),
    "service": Program(
        help="Runs one part in the foreground: prefect, setup, site or worker.",
        run=_service,
    ),
    "bootstrap": Program(
        help="Sets Prefect up as the settings say: pool, queues, deployments, mail server; --show compares only.",
        run=_bootstrap,
    ),
    "install": Program(help="Installs the services for systemd, after asking.", run=_install),
    "uninstall": Program(help="Takes the services away, after asking; data stay.", run=_uninstall),
    "files": Program(help="Prints where the files for nginx, Prometheus and systemd are.", run=_files),
    "manage": Program(help="Runs one of Django's commands: downman manage COMMAND ...", run=_manage, is_foreign=True),
    "prefect": Program(
        help="Runs one of Prefect's commands with our server and login: downman prefect COMMAND ...",
        run=_prefect,
        is_foreign=True,
    ),
}
