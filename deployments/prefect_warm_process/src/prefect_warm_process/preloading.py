"""Loads what runs need before they are forked, and checks that it may be forked."""

import contextlib
import importlib
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel

#: Modules that every flow run needs, among them those that Prefect loads only when a run needs them.
ENGINE = (
    "prefect.main",
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.artifacts",
    "prefect.runtime",
    "prefect._internal.observers",
    "anyio._backends._asyncio",
    "encodings.idna",
    "stringprep",
    "pydantic.v1",
    "rich._emoji_codes",
    "prefect_warm_process.child",
)
#: Where the models are that nearly every run uses.
BUILT_AHEAD = ("prefect.client.", "prefect.events.")


def preload(names: Iterable[str]) -> list[str]:
    """Load modules, and call functions given as `module:function`. Return what failed, one sentence each."""
    failed = []
    for name in names:
        module, _, function = name.partition(":")
        try:
            loaded = importlib.import_module(module)
            if function:
                getattr(loaded, function)()
        except Exception as exc:  # noqa: BLE001 - foreign code; a run that needs it will fail with the whole story
            failed.append(f"{name}: {type(exc).__name__}: {exc}")
    return failed


def complete_models() -> None:
    """Build the models of Prefect's client, which pydantic otherwise builds in each run that uses them."""
    kinds: list[type[BaseModel]] = [BaseModel]
    while kinds:
        kind = kinds.pop()
        kinds.extend(kind.__subclasses__())
        if kind.__module__.startswith(BUILT_AHEAD) and not kind.__pydantic_complete__:
            kind.model_rebuild(raise_errors=False)


def unsafe_to_fork(*, allowed: Iterable[int] = ()) -> str:
    """Return what of this process two processes must not share; empty when there is nothing. Linux only."""
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        return f"what was preloaded started {threads - 1} threads"
    shared = {str(descriptor) for descriptor in (0, 1, 2, *allowed)}
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them is gone
            if descriptor.name not in shared and str(descriptor.readlink()).startswith("socket:"):
                return "what was preloaded opened a connection"
    return ""
