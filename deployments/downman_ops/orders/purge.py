"""`downman purge`: what waits in the queues is cancelled; what is running continues."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from downman.domain.jobs import Queue
from downman.prefect_api import PrefectApi, PrefectUnavailable
from downman.services import purge as services
from downman_ops.commands import ExitStatus, Report, Table
from downman_ops.orders.waiting_runs import cancel_runs, count_runs
from downman_ops.prompts import confirm, get_actor

#: E-mails first: those about cancelled orders are written afterwards.
ORDER = (Queue.NOTIFY, Queue.PACKAGE, Queue.MAINTENANCE)
#: Seconds that Prefect may take to say how many runs wait, and to cancel a page of them.
COUNT_SECONDS = 5.0
CANCEL_SECONDS = 120.0
#: Progress is reported after so many.
REPORT_EVERY = 1_000
COLUMNS = {"queue": "queue", "orders": "orders", "mails": "e-mails", "runs": "runs in Prefect"}


def purge(options: Mapping[str, Any]) -> Report:
    """Empty one queue or all, after a question that says the numbers.

    Raises `PrefectUnavailable` before anything is changed. When it goes away later, the report says what is left to do.
    """
    queues = [queue for queue in ORDER if options["queue"] in {None, queue}]
    actor = get_actor(options)
    confirm(_question(queues), options)
    api = PrefectApi.from_settings(timeout_seconds=CANCEL_SECONDS)
    rows: list[tuple[str, int, int, int]] = []
    done: list[str] = []
    status = ExitStatus.OK
    for queue in queues:
        orders = _counted(services.purge_orders(actor=actor), "orders cancelled") if queue is Queue.PACKAGE else 0
        mails = _counted(services.purge_mails(), "e-mails given up") if queue is Queue.NOTIFY else 0
        done += _left(queue)
        runs, error = _cancel_runs(api, queue)
        rows.append((queue.value, orders, mails, runs))
        if error:
            status = ExitStatus.PREFECT_AWAY
            done.append(
                f"Prefect stopped answering ({error}) while the runs of the queue {queue} were cancelled, so "
                "some may be left. They will find nothing to do. Purge again when the server is back."
            )
            break
    return Report(tables=[Table(name="purged", title="Purged", columns=COLUMNS, rows=rows)], done=done, status=status)


def _cancel_runs(api: PrefectApi, queue: Queue) -> tuple[int, str]:
    """Cancel what waits; give how many, and why Prefect stopped answering where it did."""
    runs = 0
    try:
        for count in _report_progress(cancel_runs(api, queue), "runs cancelled"):
            runs += count
    except PrefectUnavailable as exc:
        return runs, str(exc)
    return runs, ""


def _question(queues: Iterable[Queue]) -> str:
    api = PrefectApi.from_settings(timeout_seconds=COUNT_SECONDS)
    lines = []
    for queue in queues:
        runs = count_runs(api, queue)
        if queue is Queue.PACKAGE:
            orders = services.count_orders()
            lines.append(f"orders cancelled, whose requesters are notified: {orders.queued:,}")
            lines.append(f"orders that keep what is ready and lose what waits: {orders.partly_ready:,}")
        elif queue is Queue.NOTIFY:
            lines.append(f"e-mails not sent (`downman resend` sends them after all): {services.count_mails():,}")
        lines.append(f"runs cancelled in Prefect's queue {queue}: {runs:,}")
    listed = "\n".join(f"  {line}" for line in lines)
    return f"What is running continues. This is cancelled and cannot be undone:\n{listed}\nContinue?"


def _left(queue: Queue) -> list[str]:
    """Return what is still there, and why."""
    if queue is Queue.PACKAGE:
        orders = services.count_orders()
        left = orders.queued + orders.partly_ready
        return (
            [f"Orders that were placed meanwhile, or that others held: {left:,}. Purge again to cancel them."]
            if left
            else []
        )
    if queue is Queue.NOTIFY:
        left = services.count_being_sent()
        return [f"E-mails that were left, as they may be being sent at this moment: {left:,}."] if left else []
    return ["What schedules have planned for later stays: Prefect would not plan it again."]


def _counted(steps: Iterable[int], what: str) -> int:
    return sum(_report_progress(steps, what))


def _report_progress(steps: Iterable[int], what: str) -> Iterator[int]:
    """Report progress now and then."""
    total = 0
    for count in steps:
        if total // REPORT_EVERY != (total + count) // REPORT_EVERY:
            # Not with the report, which a script may read.
            sys.stderr.write(f"{total + count:,} {what} ...\n")
            sys.stderr.flush()
        total += count
        yield count
