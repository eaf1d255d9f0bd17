"""Output that nobody reads any more, as after `prefect worker start | head`."""

import os
import select
from pathlib import Path


def silence_broken_output() -> None:
    """Throw away what is written to a pipe that has lost its reader: it would raise, and end a worker or fail a run."""
    for descriptor in (1, 2):
        if _is_broken(descriptor):
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), descriptor)


def _is_broken(descriptor: int) -> bool:
    asked = select.poll()
    asked.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in asked.poll(0))
