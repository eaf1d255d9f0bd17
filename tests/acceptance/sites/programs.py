"""Programs that run beside a test, as in terminals of their own."""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

STOP_SECONDS = 60


class Program:
    """One command in a shell, with what it has said in a file."""

    def __init__(self, command: str, *, folder: Path, environment: Mapping[str, str], log: Path) -> None:
        """Start it."""
        self.command = command
        self.log = log
        with log.open("a") as output:
            self._process = subprocess.Popen(
                # So that a signal reaches the program and not the shell only.
                ["/bin/sh", "-c", f"exec {command}"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        """Return whether it has not ended."""
        return self._process.poll() is None

    def said(self) -> str:
        """Return what it has said."""
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        """Tell it to end, and end what is left of it."""
        family = []
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(self._process.pid).children(recursive=True)
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _gone, left = psutil.wait_procs(family, timeout=5)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
