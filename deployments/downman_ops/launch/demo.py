"""The whole of downman on one machine, until Ctrl-C: `downman demo`, which is what `make demo` runs."""

import argparse
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from downman_ops.errors import ConfigurationError
from downman_ops.launch import databases, ports
from downman_ops.launch.demo_environment import Demo, build_environment, write_shared_env
from downman_ops.launch.demo_home import DemoHome
from downman_ops.launch.embedded_database import EmbeddedDatabase
from downman_ops.launch.env_file import load_env
from downman_ops.launch.orphan_processes import stop_orphan_processes
from downman_ops.launch.processes import Processes, get_processes
from downman_ops.launch.startup import Startup
from downman_ops.launch.strangers import refuse_open_folder
from downman_ops.settings import DemoSettings

#: The mail sink's port is that of the site plus this, as long as it is free.
SMTP_OFFSET = 25
HIGHEST_PORT = 65535


def run(words: Sequence[str] = (), env_file: Path | None = None) -> int:
    """Run the demo and return its exit status after Ctrl-C.

    Raises `ConfigurationError` when it cannot start, or a part of it ends unexpectedly.
    """
    parser = argparse.ArgumentParser(
        prog="downman demo",
        description="Starts everything on this machine: an embedded PostgreSQL, Prefect's server, a worker, a mail "
        "sink and the site. All is kept in DOWNMAN_HOME (.local). Prints READY and the site's URL, and runs until "
        "Ctrl-C. DOWNMAN_PORT (8000) and DOWNMAN_PREFECT_PORT (4200) choose other ports.",
    )
    parser.parse_args(words)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup wants it ignored
            signal.signal(number, _interrupt)
    try:
        load_env(env_file)
        settings = DemoSettings()
        refuse_open_folder(Path.cwd(), what="demo")
        # Of all that it starts too: nobody else reads what it keeps.
        os.umask(0o077)
        home = DemoHome(root=settings.home.expanduser().resolve())
        for sentence in home.prepare():
            _say(sentence)
        with home.lock():
            return _run_in(home, settings)
    except KeyboardInterrupt:
        _say("Stopped.")
        return 0
    except (OSError, subprocess.SubprocessError) as exc:
        raise ConfigurationError(str(exc)) from exc


def _run_in(home: DemoHome, settings: DemoSettings) -> int:
    if stopped := stop_orphan_processes(home.root):
        _say(f"Stopped {stopped} processes that an earlier demo had left behind.")
    smtp_port = _choose_ports(settings)
    home.make_secrets()
    database = None if settings.database_url else EmbeddedDatabase(folder=home.postgres)
    try:
        if database:
            database.start()
        site_url = database.url("downman") if database else settings.database_url.get_secret_value()
        demo = Demo(
            home=home,
            port=settings.port,
            prefect_port=settings.prefect_port,
            smtp_port=smtp_port,
            database_url=site_url,
            prefect_database_url=settings.prefect_database_url.get_secret_value()
            or databases.sibling(site_url, "prefect"),
            secret_key=home.secret_key.read_text().strip(),
            prefect_auth=home.prefect_login.read_text().strip(),
        )
        databases.ensure_database(demo.database_url)
        databases.ensure_database(demo.prefect_database_url)
        return _run_processes(demo, settings)
    finally:
        # A second Ctrl-C must not leave the rest behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        stop_orphan_processes(home.root)
        if database:
            database.stop()


def _choose_ports(settings: DemoSettings) -> int:
    """Check that all ports are free and give the mail sink's."""
    if len({settings.port, settings.prefect_port, settings.smtp_port}) < 3:  # noqa: PLR2004 - there are three
        raise ConfigurationError("DOWNMAN_PORT, DOWNMAN_PREFECT_PORT and DOWNMAN_SMTP_PORT must be different ports.")
    ports.require_free(settings.port, what="the site", variable="DOWNMAN_PORT")
    ports.require_free(settings.prefect_port, what="Prefect's server", variable="DOWNMAN_PREFECT_PORT")
    if settings.smtp_port is not None:
        ports.require_free(settings.smtp_port, what="the mail sink", variable="DOWNMAN_SMTP_PORT")
        return settings.smtp_port
    preferred = settings.port + SMTP_OFFSET
    # Below 1024 only root may listen.
    is_possible = 1024 <= preferred <= HIGHEST_PORT and preferred != settings.prefect_port  # noqa: PLR2004 - as said
    return preferred if is_possible and ports.is_free(preferred) else ports.any_free()


def _run_processes(demo: Demo, settings: DemoSettings) -> int:
    environment = build_environment(demo)
    write_shared_env(demo, environment)
    startup = Startup(demo, environment, timeout_seconds=settings.ready_timeout_seconds)
    failures: list[str] = []
    began = time.monotonic()

    def come_up() -> None:
        try:
            startup.run()
        except (ConfigurationError, OSError) as exc:
            failures.append(str(exc))
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            if not startup.stop.is_set():
                _greet(demo, time.monotonic() - began)

    with (demo.home.logs / "processes.log").open("w") as log:
        beside = threading.Thread(target=come_up, name="startup", daemon=True)
        processes = Processes(log, started=beside.start)
        specs = get_processes(demo)
        for spec in specs:
            processes.add(spec, env=environment, log=demo.home.logs / f"{spec.name}.log")
        processes.loop()
    startup.stop.set()
    if failures:
        raise ConfigurationError(failures[0])
    if processes.ended_first:
        title = next(spec.title for spec in specs if spec.name == processes.ended_first)
        raise ConfigurationError(f"{title} ended unexpectedly; its log is {demo.home.logs / processes.ended_first}.log")
    _say("Stopped.")
    return 0


def _greet(demo: Demo, seconds: float) -> None:
    _say(f"The portal     {demo.site_url}/")
    _say(f"Prefect        {demo.prefect_url}/ (log in with the line in {demo.home.prefect_login})")
    _say(f"Mails          {demo.home.mail}/")
    _say(f"Logs           {demo.home.logs}/")
    _say(f"Up after {seconds:.1f} s. Stop with Ctrl-C.")
    _say(f"READY {demo.site_url}/")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201
