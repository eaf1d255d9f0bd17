"""The messages between the worker and a zygote, over their socket: one JSON object a line.

worker -> zygote: `ForkRequest`. zygote -> worker: `Ready` or `Refused` once, then `Started` and `Ended` for each
request, or `Stale` instead of both.
"""

import json
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a child is forked for: a function of `prefect_warm_process.child`, and what it works with."""

    name: str
    arguments: dict[str, Any]
    #: Variables on top of the zygote's.
    environment: dict[str, str]
    folder: str
    #: False: what it prints is thrown away.
    output: bool


@dataclass(frozen=True, kw_only=True)
class ForkRequest:
    """Fork a child for a task."""

    number: int
    task: Task


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Everything is loaded; requests can come."""

    modules: int
    seconds: float
    #: What of the preload could not be loaded, and why; runs that need it will say so themselves.
    failed: list[str]


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What was loaded makes forking unsafe."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Started:
    """The child of a request lives."""

    number: int
    pid: int


@dataclass(frozen=True, kw_only=True)
class Stale:
    """The request was not accepted: what was loaded has changed on disk, so the zygote must be made anew."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The child of a request has ended, with an exit status or, below zero, by a signal."""

    number: int
    status: int


def encode_task(task: Task) -> bytes:
    """Return a task alone."""
    return json.dumps(asdict(task)).encode()


def decode_task(encoded: bytes) -> Task:
    """Return the task that was encoded."""
    return Task(**json.loads(encoded))


#: Tells worker and zygote apart that were loaded before and after an update of this file.
PROTOCOL_VERSION = str(zlib.crc32(Path(__file__).read_bytes()))

Message: TypeAlias = ForkRequest | Ready | Refused | Started | Stale | Ended
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (ForkRequest, Ready, Refused, Started, Stale, Ended)}


def encode(message: Message) -> bytes:
    """Return a message as one line."""
    return json.dumps([type(message).__name__, asdict(message)]).encode() + b"\n"


def decode(line: bytes) -> Any:
    """Return the message of a line. Raises `ValueError` for anything else."""
    try:
        name, content = json.loads(line)
        kind = _KINDS[name]
        if kind is ForkRequest:
            return ForkRequest(number=content["number"], task=Task(**content["task"]))
        return kind(**{field.name: content[field.name] for field in fields(kind)})
    except (KeyError, TypeError, ValueError) as exc:
        raise ValueError(f"not a message: {line[:80]!r}") from exc
