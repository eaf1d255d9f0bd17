"""Stops a demo whose launcher was killed and could not do it itself: `python -m deployments.guard PID HOME`."""

import contextlib
import sys
from pathlib import Path

import psutil

from deployments.demo_home import DemoHome
from deployments.embedded_database import EmbeddedDatabase
from deployments.leftovers import stop_leftovers


def main() -> None:
    """Wait for the launcher's end, then stop what is left of its demo, the database last."""
    launcher, home = int(sys.argv[1]), Path(sys.argv[2])
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(launcher).wait()
    print(f"The launcher (process {launcher}) is gone: stopping what it started.", flush=True)  # noqa: T201
    stop_leftovers(home)
    if DemoHome(root=home).postgres.exists():
        EmbeddedDatabase(folder=DemoHome(root=home).postgres).stop()


if __name__ == "__main__":
    main()
