"""What a worker reports of itself to monitoring: Prefect keeps its name and its last heartbeat only."""

import os
import socket
from collections.abc import Collection
from datetime import datetime

import psutil
from prefect.events import emit_event

EVENT = "warm-process.worker.stats"
#: Seconds between two of them.
EVERY_SECONDS = 30.0


def emit_worker_stats(resource: dict[str, str], *, executing: int, queues: Collection[str], started: datetime) -> None:
    """Emit the event with the worker's process, machine, memory and work; no queues: it serves all of its pool."""
    emit_event(
        event=EVENT,
        resource=resource,
        payload={
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "memory_bytes": memory_bytes(),
            "executing": executing,
            "queues": sorted(queues) or None,
            "started": started.isoformat(),
        },
    )


def memory_bytes() -> int:
    """Return the memory of this process and of all below it, what they share counted once (Linux: PSS)."""
    total = 0
    this = psutil.Process()
    for process in [this, *this.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:  # it has ended, or is another user's
            continue
    return total
