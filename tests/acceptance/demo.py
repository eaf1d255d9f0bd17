"""Runs a whole demo from outside: its own home, free ports, real processes."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.console_script import DOWNMAN

READY_SECONDS = 120
STOP_SECONDS = 30


def free_ports(count: int) -> list[int]:
    """Return ports that are free now, all different."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Installation:
    """A home with its ports and environment, as those meet it who use what runs there."""

    #: Where commands are typed; none: where the tests are.
    folder: Path | None = None
    console_script = DOWNMAN

    def __init__(self, home: Path, **environment: str) -> None:
        """Choose the ports; nothing is started yet. `environment` adds to or overrides what the processes are given."""
        self.home = home.resolve()
        self.port, self.prefect_port, self.smtp_port = free_ports(3)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DOWNMAN_", "PREFECT_"))},
            "DOWNMAN_HOME": str(self.home),
            "DOWNMAN_PORT": str(self.port),
            "DOWNMAN_PREFECT_PORT": str(self.prefect_port),
            "DOWNMAN_SMTP_PORT": str(self.smtp_port),
            **environment,
        }

    @property
    def url(self) -> str:
        """The site's address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def prefect_api(self) -> str:
        """The address of Prefect's API."""
        return f"http://127.0.0.1:{self.prefect_port}/api"

    @property
    def prefect_auth(self) -> str:
        """User and password of Prefect's API, with a colon between them."""
        return (self.home / "secrets" / "prefect-api-auth").read_text().strip()

    def downman(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the console script, as a person in another terminal would."""
        return self._run([self.console_script, *words])

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a Python module, such as `downman_site.manage`."""
        return self._run([sys.executable, "-m", *command])

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ask_prefect(self, method: str, path: str, body: Any = None) -> Any:
        """Ask Prefect's API and give the answer."""
        login = base64.b64encode(self.prefect_auth.encode()).decode()
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.prefect_api + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
            text = answer.read()
        return json.loads(text) if text else None

    def processes(self) -> list[str]:
        """Return the command line of everything that runs for this home, the database included."""
        found = []
        for process in psutil.process_iter():
            try:
                command = process.cmdline()
                ours = process.environ().get("DOWNMAN_HOME") == str(self.home)
                if ours or any(str(self.home) in word for word in command):
                    found.append(" ".join(command))
            except psutil.Error:
                continue
        return found


class DemoProcess(Installation):
    """One demo: `with DemoProcess(folder) as demo:` is ready inside and stopped after."""

    def __init__(self, home: Path, **environment: str) -> None:
        """Choose the ports; nothing is started yet. `environment` adds to or overrides what the demo is given."""
        super().__init__(home, **environment)
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._spoke = threading.Condition()
        self._silent = False
        self._reader: threading.Thread | None = None

    def start(self) -> Self:
        """Start it without waiting for anything."""
        self.lines, self._silent = [], False
        self.process = subprocess.Popen(
            [self.console_script, "demo"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=[self.process])
        self._reader.start()
        return self

    def wait_until_ready(self) -> Self:
        """Wait for the line that says so, and fail with all that was said if the demo ends before."""
        wanted = f"READY {self.url}/"
        with self._spoke:
            self._spoke.wait_for(lambda: wanted in self.lines or self._silent, timeout=READY_SECONDS)
        assert wanted in self.lines, f"the demo did not become ready; it said: {self.lines}; logs: {self.home / 'log'}"
        return self

    def send(self, number: signal.Signals) -> None:
        """Send the launcher a signal, as Ctrl-C does."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end and give its exit status."""
        assert self.process is not None
        assert self._reader is not None
        status = self.process.wait(timeout=STOP_SECONDS)
        self._reader.join(timeout=STOP_SECONDS)
        return status

    def kill(self) -> None:
        """Kill the launcher, and nothing else, in a way that it cannot notice."""
        assert self.process is not None
        self.send(signal.SIGKILL)
        self.process.wait(timeout=STOP_SECONDS)

    def stop(self) -> int:
        """Stop it as Ctrl-C does and give its exit status."""
        self.send(signal.SIGINT)
        return self.wait()

    def __enter__(self) -> Self:
        try:
            return self.start().wait_until_ready()
        except BaseException:
            self._end()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._hear(process, line.rstrip("\n"))
        self._hear(process, None)

    def _hear(self, process: subprocess.Popen[str], line: str | None) -> None:
        with self._spoke:
            if process is not self.process:
                return  # what a killed launcher left behind may still hold its end of the pipe
            if line is None:
                self._silent = True
            else:
                self.lines.append(line)
            self._spoke.notify_all()
