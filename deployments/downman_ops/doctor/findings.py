"""What a check of one part finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from downman.prefect_api import PrefectUnavailable

#: Sets Prefect up, again and again without harm.
BOOTSTRAP = "downman bootstrap"


class State(StrEnum):
    """The state of a part; the worst first."""

    WRONG = "wrong"  #: Orders or mails suffer from it now, or will.
    WARNING = "warning"  #: It works, but somebody should look.
    OK = "ok"  #: Nothing to do.


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The state of one part, and a hint: what to run or set."""

    part: str
    state: State
    found: str
    hint: str = ""


def ok(part: str, found: str) -> Finding:
    """Return that a part is well."""
    return Finding(part=part, state=State.OK, found=found)


def warning(part: str, found: str, hint: str) -> Finding:
    """Return that somebody should look at a part."""
    return Finding(part=part, state=State.WARNING, found=found, hint=hint)


def wrong(part: str, found: str, hint: str) -> Finding:
    """Return that a part does not work."""
    return Finding(part=part, state=State.WRONG, found=found, hint=hint)


def run_check(part: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what a check finds; one that fails itself is a finding, and does not hide the others."""
    try:
        return list(check())
    except PrefectUnavailable as exc:
        return [wrong(part, f"could not be checked: Prefect's server did not answer ({exc})", "Run the doctor again.")]
    except Exception as exc:  # noqa: BLE001 - the edge of each check
        # Not its text: it may hold what must not be shown.
        place = exc.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else "?"
        return [
            wrong(
                part,
                f"could not be checked: {type(exc).__name__} in {where}",
                "Report it to the developers of downman.",
            )
        ]


def count_due(count: int) -> str:
    """Return how many are due: `1 is due`, `2 are due`."""
    return f"{count} {'is' if count == 1 else 'are'} due"


def humanize_duration(time: timedelta) -> str:
    """Return a length of time in words, in its largest unit."""
    seconds = round(time.total_seconds())
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
