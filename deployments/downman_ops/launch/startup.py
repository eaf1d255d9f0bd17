"""The startup of a demo, beside its processes: tables, Prefect's objects, and whether all is ready."""

import importlib.util
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx

from downman.prefect_api import PrefectApi
from downman_ops.errors import ConfigurationError
from downman_ops.launch.demo_environment import Demo
from downman_ops.settings import PoolSettings

POLL_SECONDS = 0.1
#: Seconds within which a server must have answered, or it is asked again.
ANSWER_SECONDS = 5.0
#: Characters of a failed step's last line that are shown.
MAX_QUOTED = 200
BOOTSTRAP = (sys.executable, "-m", "downman_ops", "bootstrap", "--declare-crashed-runs")
MANAGE = (sys.executable, "-m", "downman_site.manage")


class Startup:
    """One start, step by step, beside the processes. `stop` may be set by others to end it early."""

    def __init__(self, demo: Demo, environment: Mapping[str, str], *, timeout_seconds: float) -> None:
        """Nothing is started yet."""
        self._demo = demo
        self._environment = dict(environment)
        self._deadline = time.monotonic() + timeout_seconds
        self._timeout = timeout_seconds
        self._began = datetime.now(UTC)
        self.stop = threading.Event()

    def run(self) -> None:
        """Return when everything is ready, or when told to stop; else raise `ConfigurationError` with the reason."""
        # Prefect's objects take seconds of loading and waiting, in which the site's tables can be made.
        bootstrap = self._begin("bootstrap", *BOOTSTRAP, f"--wait-seconds={self._timeout:.0f}")
        self._finish("migrate", self._begin("migrate", *MANAGE, "migrate", "--verbosity=1", "--no-input"))
        if _has_command("load_demo"):
            self._finish("load_demo", self._begin("load_demo", *MANAGE, "load_demo"))
        api = PrefectApi(
            api_url=f"{self._demo.prefect_url}/api",
            auth_string=self._demo.prefect_auth,
            timeout_seconds=ANSWER_SECONDS,
        )
        self._until(api.is_up, "Prefect's server", "prefect")
        self._finish("bootstrap", bootstrap)
        self._until(self._site_answers, "the site", "site")
        self._until(lambda: api.has_worker(PoolSettings().pool, since=self._began), "the worker", "worker")

    def _begin(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with self._log(name).open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own modules
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _finish(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self._until(lambda: process.poll() is not None, f"the step {name}", name)
        if process.returncode and not self.stop.is_set():
            said = self._log(name).read_text(errors="replace").strip().splitlines() or ["nothing"]
            raise ConfigurationError(
                f"The step {name} failed, saying: {said[-1].strip()[:MAX_QUOTED]} (all of it is in {self._log(name)})"
            )

    def _until(self, condition: Callable[[], bool], what: str, log: str) -> None:
        while not self.stop.is_set() and not condition():
            if time.monotonic() > self._deadline:
                raise ConfigurationError(
                    f"Still waiting for {what} after {self._timeout:.0f} s; its log is {self._log(log)}. "
                    "DOWNMAN_READY_TIMEOUT_SECONDS gives a slow machine more time."
                )
            self.stop.wait(POLL_SECONDS)

    def _site_answers(self) -> bool:
        try:
            answer = httpx.get(f"{self._demo.site_url}/", timeout=ANSWER_SECONDS, trust_env=False)
        except httpx.HTTPError:
            return False
        # A server that is up and knows what it does.
        return not answer.is_server_error

    def _log(self, name: str) -> Path:
        return self._demo.home.logs / f"{name}.log"


def _has_command(name: str) -> bool:
    return importlib.util.find_spec(f"downman_site.management.commands.{name}") is not None
