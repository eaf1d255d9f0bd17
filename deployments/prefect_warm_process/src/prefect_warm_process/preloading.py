"""Loads what runs need before they are forked, and checks that it may be forked."""

import builtins
import contextlib
import importlib
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
from pydantic import BaseModel

#: Modules that every flow run needs, among them those that Prefect loads only when a run needs them.
ENGINE = (
    "prefect.main",
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.artifacts",
    "prefect.runtime",
    "anyio._backends._asyncio",
    "encodings.idna",
    "stringprep",
    "pydantic.v1",
    "rich._emoji_codes",
    "prefect_warm_process.child",
)
#: Where the models are that nearly every run uses.
BUILT_AHEAD = ("prefect.client.", "prefect.events.")


class Preloading:
    """What is loaded into this process before it is forked, and what of it must not be in two processes."""

    def __init__(self) -> None:
        """Note the threads, connections and processes that are there already."""
        self._origins: dict[str, str] = {}
        self._known = _threads() | _connections() | set(_children())

    def load(self, names: Iterable[str]) -> list[str]:
        """Load modules, and call functions given as `module:function`. Return what failed, one sentence each."""
        failed = []
        original = builtins.__import__

        def watched(name: str, *arguments: Any, **options: Any) -> ModuleType:
            # The innermost import that sees a new thread is that of the library to which it belongs.
            before = len(sys.modules)
            module = original(name, *arguments, **options)
            if len(sys.modules) != before:
                self._look(_threads(), name)
            return module

        builtins.__import__ = watched
        try:
            for name in names:
                module, _, function = name.partition(":")
                try:
                    loaded = importlib.import_module(module)
                    if function:
                        getattr(loaded, function)()
                except Exception as exc:  # noqa: BLE001 - foreign code; a run that needs it fails with the whole story
                    failed.append(f"{name}: {type(exc).__name__}: {exc}")
                self._look(_threads() | _connections() | set(_children()), name)
        finally:
            builtins.__import__ = original
        return failed

    def unsafe_to_fork(self) -> str:
        """Return what two processes must not share, and what has started it; empty when there is nothing."""
        names = {str(thread.native_id): f" {thread.name!r}" for thread in threading.enumerate()}
        left = [
            f"{self._origins.get(thread, 'what was preloaded')} started a thread{names.get(thread, '')}"
            for thread in sorted(_threads() - self._known)
        ]
        left += [
            f"{self._origins.get(connection, 'what was preloaded')} opened a connection"
            for connection in sorted(_connections() - self._known)
        ]
        left += [
            f"{self._origins.get(child, 'what was preloaded')} started a process {name!r}"
            for child, name in sorted(_children().items())
            if child not in self._known
        ]
        # A library starts one for each processor.
        return "; ".join(dict.fromkeys(left))

    def _look(self, found: set[str], origin: str) -> None:
        for one in found - self._known:
            self._origins.setdefault(one, origin)


def _threads() -> set[str]:
    return {task.name for task in Path("/proc/self/task").iterdir()}


def _connections() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them is gone
            target = str(descriptor.readlink())
            if target.startswith("socket:"):
                found.add(target)
    return found


def _children() -> dict[str, str]:
    """Return the names of the processes that this one has started and that have not ended."""
    found = {}
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE:
                found[f"process:{child.pid}"] = child.name()
    return found


def complete_models() -> None:
    """Build the models of Prefect's client, which pydantic otherwise builds in each run that uses them."""
    kinds: list[type[BaseModel]] = [BaseModel]
    while kinds:
        kind = kinds.pop()
        kinds.extend(kind.__subclasses__())
        if kind.__module__.startswith(BUILT_AHEAD) and not kind.__pydantic_complete__:
            kind.model_rebuild(raise_errors=False)
