"""What must not be preloaded."""

import multiprocessing
import os
import socket
import threading
import time
from typing import Any

KEPT: list[Any] = []


def starts_a_thread() -> None:
    """Leave a thread behind."""
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()


def starts_a_process() -> None:
    """Leave a process behind, for whose end Python waits at its own."""
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(3600,)).start()


def connects() -> None:
    """Leave a connection behind."""
    KEPT.extend(socket.socketpair())


def hangs() -> None:
    """Never come to an end."""
    threading.Event().wait()


def dies() -> None:
    """Take the process along."""
    os._exit(7)
