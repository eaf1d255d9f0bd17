"""The parts of a demo, started one by one, so that each can be killed, stopped and started again on its own.

The real demo ends all of its parts when one ends; here they are the same commands with the same environment.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import psycopg2

from downman.domain.jobs import DEFAULT_POOL
from downman.prefect_api import PrefectApi
from downman_ops.launch import databases
from downman_ops.launch.demo_environment import Demo, build_environment, write_shared_env
from downman_ops.launch.demo_home import DemoHome
from downman_ops.launch.embedded_database import EmbeddedDatabase
from downman_ops.launch.orphan_processes import stop_orphan_processes
from downman_ops.launch.processes import get_processes
from downman_ops.launch.startup import Startup
from prefect_warm_process.child import NAME as RUN_TITLE
from tests.acceptance.demo import READY_SECONDS, STOP_SECONDS, Installation

PREFECT, WORKER, SITE = "prefect", "worker", "site"
NAMES = (PREFECT, WORKER, SITE)
#: Of the log of a part that has ended by itself, what a failed test shows.
ANSWER_SECONDS = 5.0
LAST_LINES = 100


class Parts(Installation):
    """PostgreSQL, Prefect's server, a worker and the site; mails go to whatever listens on `smtp_port`."""

    def __init__(self, home: Path, **environment: str) -> None:
        """Choose the ports; nothing is started yet. `environment` overrides what the demo would give its processes."""
        super().__init__(home, **environment)
        self.folders = DemoHome(root=self.home)
        self.database = EmbeddedDatabase(folder=self.folders.postgres)
        self._overrides = environment
        self._commands: dict[str, Sequence[str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started_at: dict[str, datetime] = {}

    def __enter__(self) -> Self:
        """Start everything, and be ready."""
        try:
            self._bring_up()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self, name: str) -> None:
        """Start one part, without waiting for it; what it says is added to its log."""
        self._started_at[name] = datetime.now(UTC)
        with (self.folders.logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._commands[name],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """Kill one part, with all that it has started, so that none of it can notice."""
        kill(self.tree(name))
        self._running.pop(name).wait(timeout=STOP_SECONDS)

    def end(self, name: str) -> None:
        """End one part as an administrator does, and wait until it has gone."""
        process = self._running.pop(name)
        process.terminate()
        process.wait(timeout=STOP_SECONDS)

    def freeze(self, name: str) -> None:
        """Stop one part where it is, with all that it has started: it neither works nor answers nor ends."""
        for process in self.tree(name):
            process.suspend()

    def thaw(self, name: str) -> None:
        """Let a part go on that was frozen."""
        for process in self.tree(name):
            process.resume()

    def tree(self, name: str) -> list[psutil.Process]:
        """Return the processes of one part, the first one first."""
        process = psutil.Process(self._running[name].pid)
        return [process, *process.children(recursive=True)]

    def run_that_reads_from(self, port: int) -> psutil.Process:
        """Return the process of the one run that has a connection to a port of this machine."""
        (found,) = [process for process in self.tree(WORKER) if _is_run(process) and _is_connected(process, port)]
        return found

    def kill_database(self) -> None:
        """Kill PostgreSQL's first process, upon which its others end without writing anything, and start it again."""
        postmaster = psutil.Process(int((self.database.data / "postmaster.pid").read_text().split()[0]))
        others = postmaster.children(recursive=True)
        kill([postmaster])
        # The next server refuses to start while they hold the shared memory.
        psutil.wait_procs(others, timeout=STOP_SECONDS)
        self.database.start()

    def restart_database(self) -> None:
        """Restart PostgreSQL as an administrator does; connections are cut."""
        self.database.stop()
        self.database.start()

    def wait_until_ready(self) -> None:
        """Wait until those parts that run do their work."""
        if PREFECT in self._running:
            until(self._api().is_up)
        if SITE in self._running:
            until(self._site_answers)
        if {PREFECT, WORKER} <= set(self._running):
            until(lambda: self._api().has_worker(DEFAULT_POOL, since=self._started_at[WORKER]))

    def revive(self) -> None:
        """Start what was killed and let go on what was frozen, and wait until all of it is ready.

        What has ended by itself is started too, but that is wrong.
        """
        ended = [name for name, process in self._running.items() if process.poll() is not None]
        for name in ended:
            del self._running[name]
        if not self.database.is_running():
            self.database.start()
        for name in NAMES:
            if name in self._running:
                self.thaw(name)
            else:
                self.start(name)
        self.wait_until_ready()
        assert not ended, "\n".join(f"{name} has ended by itself; its log:\n{self._log(name)}" for name in ended)

    def _log(self, name: str) -> str:
        lines = (self.folders.logs / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:])

    def query(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Ask the site's database, past the site; what a statement changes, stays."""
        with contextlib.closing(psycopg2.connect(self.database.url("downman"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, arguments)
                return list(cursor.fetchall()) if cursor.description else []

    def stop(self) -> None:
        """Stop everything, and see that no process is left."""
        stop_orphan_processes(self.home)
        for process in self._running.values():
            process.wait(timeout=STOP_SECONDS)
        self._running.clear()
        self.database.stop()
        assert self.processes() == []

    def _bring_up(self) -> None:
        self.folders.prepare()
        self.folders.make_secrets()
        self.database.start()
        site_url = self.database.url("downman")
        demo = Demo(
            home=self.folders,
            port=self.port,
            prefect_port=self.prefect_port,
            smtp_port=self.smtp_port,
            database_url=site_url,
            prefect_database_url=databases.sibling(site_url, "prefect"),
            secret_key=self.folders.secret_key.read_text().strip(),
            prefect_auth=self.prefect_auth,
        )
        databases.ensure_database(demo.database_url)
        databases.ensure_database(demo.prefect_database_url)
        self.environment = {**build_environment(demo), **self._overrides}
        self._demo = demo
        self.share()
        self._commands = {spec.name: spec.command for spec in get_processes(demo)}
        for name in NAMES:
            self.start(name)
        Startup(demo, self.environment, timeout_seconds=READY_SECONDS).run()

    def share(self) -> None:
        """Have commands of the console script see the environment as it is now."""
        write_shared_env(self._demo, self.environment)

    def _api(self) -> PrefectApi:
        return PrefectApi(api_url=self.prefect_api, auth_string=self.prefect_auth, timeout_seconds=ANSWER_SECONDS)

    def _site_answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/", timeout=10, trust_env=False).is_success
        return False


def kill(processes: Sequence[psutil.Process]) -> None:
    """Kill processes, and wait until they are gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _, alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)
    assert not alive


def until(condition: Callable[[], object], *, seconds: float = 60) -> float:
    """Look again and again until something is true; give the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - began


def _is_run(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.name() == RUN_TITLE.decode())
    return False


def _is_connected(process: psutil.Process, port: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(found.raddr and found.raddr.port == port for found in process.net_connections(kind="tcp"))
    return False
