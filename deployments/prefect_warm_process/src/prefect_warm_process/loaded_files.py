"""Notices that the code on disk is no longer the code that was loaded."""

import os
import sys
import time

#: Seconds for which a look at the loaded files counts.
FRESH_SECONDS = 1.0


class LoadedFiles:
    """The files from which everything was loaded, and whether they are still the same."""

    def __init__(self) -> None:
        """Note every module's file as it is now."""
        self._marks = {path: _mark(path) for path in _files()}
        self._looked_at = time.monotonic()

    def changed(self) -> bool:
        """Return whether any was changed or deleted; what was seen within the last second counts."""
        if time.monotonic() - self._looked_at < FRESH_SECONDS:
            return False
        self._looked_at = time.monotonic()
        return any(_mark(path) != mark for path, mark in self._marks.items())


def _files() -> set[str]:
    # A copy: a module's lazy attributes may load others.
    modules = list(sys.modules.values())
    return {path for module in modules if (path := getattr(module, "__file__", None))}


def _mark(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - thousands of files; `Path.stat` takes three times as long
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
