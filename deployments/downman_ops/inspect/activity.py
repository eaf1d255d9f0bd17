"""What is running, waits, was taken or has ended: what Celery's `inspect` told of tasks."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, Sum

from downman.domain.jobs import EXECUTING_RUN_STATES, Queue
from downman.domain.status import OPEN_REQUESTS, UNSENT_NOTICES, LocatorStatus, RequestStatus
from downman.models import DownloadRequest, Notice, RequestEvent, ResourceLocator
from downman.prefect_api import PrefectApi
from downman_ops.commands import Report, Table
from downman_ops.inspect.runs import (
    AUTO,
    RunsTable,
    count_runs_in,
    get_numbers,
    get_order,
    get_runs,
    next_of_schedules,
    prefect,
    runs_in,
    shown,
)

SCHEDULED = RunsTable(
    name="scheduled",
    title="Runs that wait for their time or for a worker",
    columns=("queue", "order", "number", "state", "planned", "message", "run"),
)
RESERVED = RunsTable(
    name="reserved",
    title="Runs taken and not started",
    columns=("queue", "order", "number", "worker", "since", "run"),
)
_ENDED = ("queue", "order", "number", "state", "since", "worker", "run", "message")
CANCELLED = RunsTable(name="runs", title="Runs that were cancelled, newest first", columns=_ENDED)
CRASHED = RunsTable(name="crashed", title="Runs that crashed or failed, newest first", columns=_ENDED)
_WAITING_PARTS = (LocatorStatus.RETRYING.value, LocatorStatus.WAITING_FOR_SPACE.value)


def active(options: Mapping[str, Any]) -> Report:
    """Show the runs that workers execute now, and the orders whose run Prefect does not have as running."""
    api, most = prefect(), options["limit"]
    found = runs_in(api, EXECUTING_RUN_STATES, sort="START_TIME_ASC", most=most + 1, queue=options["queue"])
    runs, note = shown(found, most, what="runs")
    orders = _get_orders(runs)
    table = RunsTable(
        name="active",
        title="Running",
        columns=(
            "queue",
            "order",
            "number",
            "order_status",
            "bytes_done",
            "bytes_total",
            "worker",
            "state",
            "since",
            "run",
        ),
        more={
            "order_status": ("order status", lambda run: getattr(orders.get(get_order(run)), "status", None)),
            "bytes_done": ("fetched", lambda run: getattr(orders.get(get_order(run)), "bytes_done", None)),
            "bytes_total": ("total", lambda run: getattr(orders.get(get_order(run)), "bytes_total", None)),
        },
    )
    tables = [table.of(api, runs, note=note)]
    held = _held_by_others(api, runs, most) if options["queue"] in {None, Queue.PACKAGE} else []
    if held:
        tables.append(
            Table(
                name="held",
                title="Orders held by a run that Prefect does not have as running",
                columns={
                    "order": "id",
                    "number": "order",
                    "order_status": "order status",
                    "run": "run",
                    "run_state": "run state",
                    "until": "lease expires",
                },
                rows=held,
                only_json=["order"],
                note="They are recovered when the lease expires, or within a minute of the end of their run.",
            )
        )
    return Report(tables=tables)


def _get_orders(runs: Sequence[Mapping[str, Any]]) -> dict[int | None, Any]:
    numbers = [number for run in runs if (number := get_order(run)) is not None]
    found = DownloadRequest.objects.filter(pk__in=numbers)
    # The total of an order is known when those of all its parts are.
    unknown = Count("locators", filter=Q(locators__bytes_total=None))
    totals = found.annotate(
        bytes_done=Sum("locators__bytes_done"), known_bytes=Sum("locators__bytes_total"), unknown=unknown
    )
    orders: dict[int | None, Any] = {}
    for order in totals:
        order.bytes_total = None if order.unknown else order.known_bytes  # type: ignore[attr-defined]
        orders[order.pk] = order
    return orders


def _held_by_others(api: PrefectApi, runs: Sequence[Mapping[str, Any]], most: int) -> list[tuple[Any, ...]]:
    running = {run["id"] for run in runs}
    leased = DownloadRequest.objects.filter(lease_until__isnull=False).order_by("lease_until")[:most]
    others = [order for order in leased if order.lease_owner not in running]
    # They may have started since the others were asked for, or be more than is shown.
    known = get_runs(api, [order.lease_owner for order in others if _is_run(order.lease_owner)])
    states = {run["id"]: run["state_name"] for run in known if run["state_type"] not in EXECUTING_RUN_STATES}
    running_ones = {run["id"] for run in known} - set(states)
    return [
        (order.pk, order.number, order.status, order.lease_owner, states.get(order.lease_owner), order.lease_until)
        for order in others
        if order.lease_owner not in running_ones
    ]


def scheduled(options: Mapping[str, Any]) -> Report:
    """Show what is to come: runs that wait in queues, orders that are due, parts and e-mails to be retried."""
    api, most, queue = prefect(), options["limit"], options["queue"]
    # Of what is planned ahead, a hundred runs for each schedule, the next one of each.
    planned = [] if queue not in {None, Queue.MAINTENANCE} else next_of_schedules(api)
    requested = [
        run
        for one in ([queue] if queue else list(Queue))
        for run in runs_in(api, ("SCHEDULED",), sort="NEXT_SCHEDULED_START_TIME_ASC", most=most + 1, queue=one)
        if AUTO not in run["tags"]
    ]
    total = _count_requested(api, queue) if len(requested) > most else None
    runs, note = shown(requested, most, what="runs", total=total)
    tables = [SCHEDULED.of(api, [*runs, *planned], note=note)]
    if queue in {None, Queue.PACKAGE}:
        tables += _waiting_orders(most)
    if queue in {None, Queue.NOTIFY}:
        tables.append(_waiting_mails(most))
    return Report(tables=tables)


def _count_requested(api: PrefectApi, queue: str | None) -> int:
    planned = {"tags": {"all_": [AUTO]}}
    everything = count_runs_in(api, ("SCHEDULED",), queue=queue)
    return everything - count_runs_in(api, ("SCHEDULED",), queue=queue, when=planned)


def _waiting_orders(most: int) -> list[Table]:
    open_ones = DownloadRequest.objects.filter(status__in=sorted(OPEN_REQUESTS), due_at__isnull=False)
    found = list(open_ones.order_by("due_at").only("pk", "number", "status", "due_at", "attempt", "run_id")[: most + 1])
    total = open_ones.count() if len(found) > most else None
    orders, note = shown(found, most, what="orders", total=total)
    parts = ResourceLocator.objects.filter(request_id__in=[order.pk for order in orders], status__in=_WAITING_PARTS)
    numbers = {order.pk: order.number for order in orders}
    retries = [
        (
            part.request_id,
            numbers[part.request_id],
            part.position + 1,
            part.resource_id,
            part.status,
            part.error_code,
            part.attempts,
            part.failures,
            part.retry_at,
        )
        for part in parts.order_by("retry_at", "pk")[:most]
    ]
    return [
        Table(
            name="orders",
            title="Orders that wait for a run",
            columns={
                "order": "id",
                "number": "order",
                "status": "status",
                "at": "due",
                "attempt": "attempt",
                "run": "requested run",
            },
            rows=[
                (order.pk, order.number, order.status, order.due_at, order.attempt, order.run_id and str(order.run_id))
                for order in orders
            ],
            note=note,
            only_json=["order"],
        ),
        Table(
            name="retries",
            title="Their parts to be retried",
            columns={
                "order": "id",
                "number": "order",
                "part": "part",
                "resource": "resource",
                "status": "status",
                "problem": "problem",
                "attempts": "attempts",
                "failures": "failures",
                "at": "at",
            },
            rows=retries,
            only_json=["order"],
        ),
    ]


def _waiting_mails(most: int) -> Table:
    owed = Notice.objects.filter(status__in=sorted(UNSENT_NOTICES))
    found = list(owed.order_by("due_at").defer("last_error", "recipient")[: most + 1])
    total = owed.count() if len(found) > most else None
    mails, note = shown(found, most, what="e-mails", total=total)
    numbers = get_numbers(mail.request_id for mail in mails)
    rows = [
        (mail.pk, mail.kind, mail.request_id, numbers.get(mail.request_id), mail.status, mail.attempts, mail.due_at)
        for mail in mails
    ]
    columns = {
        "mail": "e-mail",
        "kind": "kind",
        "order": "id",
        "number": "order",
        "status": "status",
        "attempts": "attempts",
        "at": "at",
    }
    return Table(name="mails", title="E-mails to be sent", columns=columns, rows=rows, note=note, only_json=["order"])


def reserved(options: Mapping[str, Any]) -> Report:
    """Show the runs that a worker has taken and not started."""
    api, most = prefect(), options["limit"]
    found = runs_in(api, ("PENDING",), sort="EXPECTED_START_TIME_ASC", most=most + 1, queue=options["queue"])
    runs, note = shown(found, most, what="runs")
    return Report(tables=[RESERVED.of(api, runs, note=note)])


def revoked(options: Mapping[str, Any]) -> Report:
    """Show what was cancelled, in Prefect and of the orders, and what crashed or failed; the newest first."""
    most, queue = options["limit"], options["queue"]
    tables = [_ended_runs(CANCELLED, ("CANCELLED",), most=most, queue=queue)]
    if queue in {None, Queue.PACKAGE}:
        tables.append(_cancelled_orders(most))
    tables.append(_ended_runs(CRASHED, ("CRASHED", "FAILED"), most=most, queue=queue))
    return Report(tables=tables)


def _ended_runs(table: RunsTable, states: Collection[str], *, most: int, queue: str | None) -> Table:
    api = prefect()
    found = runs_in(api, states, sort="END_TIME_DESC", most=most + 1, queue=queue)
    runs, note = shown(found, most, what="runs")
    return table.of(api, runs, note=note)


def _cancelled_orders(most: int) -> Table:
    cancelled = DownloadRequest.objects.filter(status=RequestStatus.CANCELLED.value)
    found = list(cancelled.order_by("-updated_at").only("pk", "number", "cancelled_at", "updated_at")[: most + 1])
    orders, note = shown(found, most, what="orders")
    ended = RequestEvent.objects.filter(
        request_id__in=[order.pk for order in orders], locator=None, to_status=RequestStatus.CANCELLED.value
    )
    last = {event.request_id: event for event in ended.order_by("pk")}
    rows = []
    for order in orders:
        event = last.get(order.pk)
        actor = event.actor if event else ""
        # A run ended the order when its last part could not go on.
        by = "a run" if _is_run(actor) else actor
        rows.append((order.pk, order.number, order.cancelled_at or order.updated_at, by, event.reason if event else ""))
    columns = {"order": "id", "number": "order", "at": "at", "by": "by", "reason": "reason"}
    return Table(
        name="orders",
        title="Orders that were cancelled, newest first",
        columns=columns,
        rows=rows,
        note=note,
        only_json=["order"],
    )


def _is_run(actor: str) -> bool:
    try:
        return bool(UUID(actor))
    except ValueError:
        return False
