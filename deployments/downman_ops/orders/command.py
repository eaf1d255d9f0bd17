"""Orders one by one, and what an administrator can do with them: requests, show, retry, cancel, resend, purge."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from downman.domain.jobs import Queue
from downman.domain.status import RequestStatus
from downman_ops.commands import Command
from downman_ops.orders import actions, details, listing, purge

#: Orders that one page may have: all are held in memory.
MOST = 1_000


def _limit(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= MOST):
        raise ArgumentTypeError(f"write a number from 1 to {MOST}; --before gives the next page")
    return int(text)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ArgumentTypeError("write a date or time like 2026-05-31 or 2026-05-31T18:30") from exc
    return moment if moment.tzinfo else timezone.make_aware(moment)


def _for_requests(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--status",
        action="append",
        default=[],
        choices=[status.value for status in RequestStatus],
        metavar="STATUS",
        help=f"only those in this state; may be given several times ({', '.join(RequestStatus)})",
    )
    parser.add_argument("--since", type=_time, metavar="TIME", help="only those placed at or after this time")
    parser.add_argument("--email", metavar="ADDRESS", help="only those of exactly this address")
    parser.add_argument("--before", type=int, metavar="ORDER", help="the page after this order")
    parser.add_argument("--limit", type=_limit, default=50, metavar="COUNT", help="orders on one page (50)")


def _for_one(parser: ArgumentParser) -> None:
    parser.add_argument("order", type=int, metavar="ORDER", help="its number, as `requests` shows it")


def _by_somebody(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--as",
        dest="actor",
        metavar="NAME",
        help="the name that the order's history keeps; else that of the operating system's login",
    )


def _asking(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do it without asking")


def _for_retry(parser: ArgumentParser) -> None:
    _for_one(parser)
    _by_somebody(parser)
    parser.add_argument(
        "--again",
        action="store_true",
        help="of an order that has come to its end: place a new one of what is missing, for the same person",
    )


def _for_cancel(parser: ArgumentParser) -> None:
    _for_one(parser)
    _by_somebody(parser)
    _asking(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--part", type=int, metavar="PART", help="only this part, as `show` numbers them")
    what.add_argument("--link", type=int, metavar="LINK", help="only this link, as `show` numbers them")
    parser.add_argument("--note", default="", metavar="TEXT", help="with --part: what the person is told about it")


def _for_resend(parser: ArgumentParser) -> None:
    _for_one(parser)
    _asking(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="also those that were sent; asks before")
    which.add_argument("--mail", type=int, metavar="MAIL", help="only this mail, as `show` numbers them")


def _for_purge(parser: ArgumentParser) -> None:
    _by_somebody(parser)
    _asking(parser)
    parser.add_argument(
        "--queue", choices=[queue.value for queue in Queue], help="only this queue; else all, one after another"
    )


COMMANDS: Sequence[Command] = (
    Command(
        name="requests",
        help="Lists orders, the newest first.",
        run=listing.requests,
        add_arguments=_for_requests,
    ),
    Command(
        name="show",
        help="Shows all of one order: its parts, links, mails, history and runs.",
        run=details.show,
        add_arguments=_for_one,
    ),
    Command(
        name="retry",
        help="Tries now what of an order waits for a later run.",
        run=actions.retry,
        add_arguments=_for_retry,
        repeatable=False,
    ),
    Command(
        name="cancel",
        help="Cancels an order, one of its parts, or one of its links; asks before.",
        run=actions.cancel,
        add_arguments=_for_cancel,
        repeatable=False,
    ),
    Command(
        name="resend",
        help="Sends the mails of an order now that could not be sent, or others once more.",
        run=actions.resend,
        add_arguments=_for_resend,
        repeatable=False,
    ),
    Command(
        name="purge",
        help="Empties queues: cancels what waits, tells its people, and leaves what is at work; asks before.",
        run=purge.purge,
        add_arguments=_for_purge,
        repeatable=False,
    ),
)
