"""Stops a demo whose launcher was killed: `python -m downman_ops.launch.watchdog PID HOME`."""

import contextlib
import sys
from pathlib import Path

import psutil

from downman_ops.launch.demo_home import DemoHome
from downman_ops.launch.embedded_database import EmbeddedDatabase
from downman_ops.launch.orphan_processes import stop_orphan_processes


def main() -> None:
    """Wait for the launcher's end, then stop what is left of its demo, the database last."""
    launcher, home = int(sys.argv[1]), Path(sys.argv[2])
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(launcher).wait()
    print(f"The launcher (process {launcher}) is gone: stopping what it started.", flush=True)  # noqa: T201
    stop_orphan_processes(home)
    if DemoHome(root=home).postgres.exists():
        EmbeddedDatabase(folder=DemoHome(root=home).postgres).stop()


if __name__ == "__main__":
    main()
