"""The options of the commands. Nothing here needs Django set up, so that `--help` answers at once."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from datetime import datetime

from downman.domain.jobs import Queue
from downman.domain.status import RequestStatus

#: Rows that a table has unless another number is asked for, and may have: all are held in memory.
LIMIT, MAX_ROWS = 50, 1_000


def add_for_runs(parser: ArgumentParser) -> None:
    """Declare the options of the commands that list runs."""
    parser.add_argument("--queue", choices=[queue.value for queue in Queue], help="only this queue")
    parser.add_argument("--limit", type=_limit(), default=LIMIT, metavar="COUNT", help=f"rows of one table ({LIMIT})")


def add_for_orders(parser: ArgumentParser) -> None:
    """Declare the options of the list of orders."""
    parser.add_argument(
        "--status",
        action="append",
        default=[],
        choices=[status.value for status in RequestStatus],
        metavar="STATUS",
        help=f"only those in this state; may be given several times ({', '.join(RequestStatus)})",
    )
    parser.add_argument("--since", type=_time, metavar="TIME", help="only those placed at or after this time")
    parser.add_argument("--email", metavar="ADDRESS", help="only those of exactly this e-mail address")
    parser.add_argument("--before", metavar="ORDER", help="the page after this order")
    parser.add_argument(
        "--limit",
        type=_limit("; --before gives the next page"),
        default=LIMIT,
        metavar="COUNT",
        help=f"orders on one page ({LIMIT})",
    )


def add_order(parser: ArgumentParser) -> None:
    """Declare the order that the command acts on."""
    parser.add_argument("order", metavar="ORDER", help="its number (2FFF-043D), its id, or a URL with one of them")


def add_for_retry(parser: ArgumentParser) -> None:
    """Declare the options of `retry`."""
    add_order(parser)
    _add_actor(parser)
    parser.add_argument(
        "--again",
        action="store_true",
        help="of an order that has come to its end: place a new one of what is missing, for the same person",
    )


def add_for_cancel(parser: ArgumentParser) -> None:
    """Declare the options of `cancel`."""
    add_order(parser)
    _add_actor(parser)
    _add_yes(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--part", type=int, metavar="PART", help="only this part, as `show` numbers them")
    what.add_argument("--link", type=int, metavar="LINK", help="only this link, as `show` numbers them")
    parser.add_argument("--note", default="", metavar="TEXT", help="with --part: a note about it for the requester")


def add_for_resend(parser: ArgumentParser) -> None:
    """Declare the options of `resend`."""
    add_order(parser)
    _add_yes(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="also those that were sent; asks before")
    which.add_argument("--mail", type=int, metavar="MAIL", help="only this e-mail, as `show` numbers them")


def add_for_purge(parser: ArgumentParser) -> None:
    """Declare the options of `purge`."""
    _add_actor(parser)
    _add_yes(parser)
    parser.add_argument(
        "--queue", choices=[queue.value for queue in Queue], help="only this queue; else all, one after another"
    )


def add_for_doctor(parser: ArgumentParser) -> None:
    """Declare the options of `doctor`."""
    parser.add_argument("--mail", metavar="ADDRESS", help="also send a test e-mail to this address")


def _add_actor(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--as",
        dest="actor",
        metavar="NAME",
        help="the name that the order's history keeps; else that of the operating system's login",
    )


def _add_yes(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do it without asking")


def _limit(advice: str = "") -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isdecimal() and 1 <= int(text) <= MAX_ROWS):
            raise ArgumentTypeError(f"write a number from 1 to {MAX_ROWS}{advice}")
        return int(text)

    return parse


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as exc:
        raise ArgumentTypeError("write a date or time like 2026-05-31 or 2026-05-31T18:30") from exc
