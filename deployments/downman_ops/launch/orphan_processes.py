"""Processes of one demo, found by the mark that they inherit, whoever started them and whatever group they are in."""

import os
from pathlib import Path

import psutil

from downman_ops.launch.demo_home import MARK

GRACE_SECONDS = 3


def find_orphan_processes(home: Path) -> list[psutil.Process]:
    """Return all processes of the demo in `home` but this one."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _belongs(process, home)]


def stop_orphan_processes(home: Path) -> int:
    """Stop all processes of the demo in `home` but this one; give how many there were."""
    stopped = 0
    # Twice: what was just being started by one of them is found the second time.
    for _round in range(2):
        found = find_orphan_processes(home)
        stopped += len(found)
        for process in found:
            _send(process, "terminate")
        _, stubborn = psutil.wait_procs(found, timeout=GRACE_SECONDS)
        for process in stubborn:
            _send(process, "kill")
        psutil.wait_procs(stubborn, timeout=GRACE_SECONDS)
    return stopped


def _belongs(process: psutil.Process, home: Path) -> bool:
    try:
        return bool(process.environ().get(MARK) == str(home) and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, OSError):
        return False


def _send(process: psutil.Process, verb: str) -> None:
    try:
        getattr(process, verb)()
    except psutil.NoSuchProcess:
        return
