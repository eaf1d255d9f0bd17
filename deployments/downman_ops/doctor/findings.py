"""What a look at one part says."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from downman.prefect_api import PrefectUnavailable

#: Sets Prefect up, again and again without harm.
BOOTSTRAP = "downman bootstrap"


class State(StrEnum):
    """How a part is; the worst first."""

    WRONG = "wrong"  #: Orders or mails suffer from it now, or will.
    WARNING = "warning"  #: It works, but somebody should look.
    OK = "ok"  #: As it should be.


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One part, how it is, and what to type or set."""

    part: str
    state: State
    found: str
    remedy: str = ""


def ok(part: str, found: str) -> Finding:
    """Say that a part is as it should be."""
    return Finding(part=part, state=State.OK, found=found)


def warning(part: str, found: str, remedy: str) -> Finding:
    """Say that somebody should look."""
    return Finding(part=part, state=State.WARNING, found=found, remedy=remedy)


def wrong(part: str, found: str, remedy: str) -> Finding:
    """Say that a part does not work."""
    return Finding(part=part, state=State.WRONG, found=found, remedy=remedy)


def looked_at(part: str, look: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what a look finds; one that fails itself is a finding, and does not hide the others."""
    try:
        return list(look())
    except PrefectUnavailable as exc:
        return [
            wrong(part, f"could not be looked at: Prefect's server did not answer ({exc})", "Run the doctor again.")
        ]
    except Exception as exc:  # noqa: BLE001 - the edge of each look
        # Not its text: it may hold what must not be shown.
        place = exc.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else "?"
        return [wrong(part, f"could not be looked at: {type(exc).__name__} in {where}", "Tell the makers of downman.")]


def lasting(time: timedelta) -> str:
    """Write a length of time for people, in its largest unit."""
    seconds = round(time.total_seconds())
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
