"""How a command ends when its reader has read enough, or Ctrl-C is typed: without a word, by the signal.

So a shell sees what it sees of other programs, 141 and 130, and a loop of commands ends with one that is interrupted.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def end_by_signal() -> Iterator[None]:
    """Turn an interrupted command, or one whose output nobody reads any more, into the end of the process."""
    try:
        try:
            yield
        finally:
            # What is still buffered would otherwise fail at the end of the process, where nobody can catch it.
            sys.stdout.flush()
    except KeyboardInterrupt:
        _die_of(signal.SIGINT)
    except BrokenPipeError:
        _die_of(signal.SIGPIPE)


def _die_of(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
