"""All of one order. What opens it to everybody, its URL and its links' tokens, is not shown."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.utils import translation

from downman.domain.status import UNSENT_NOTICES
from downman.models import DownloadRequest
from downman.prefect_api import PrefectApi, PrefectUnavailable
from downman.services import finding
from downman.services.dispatch import to_package_key
from downman.services.links import status_now
from downman.services.tracking import get_error_text
from downman_ops.commands import Report, Table

#: Events, e-mails or links that are shown; the newest.
MOST = 50
#: Runs that Prefect is asked for; the newest.
MOST_RUNS = 20
#: Seconds within which Prefect must have answered.
ANSWER_SECONDS = 3.0
#: Letters of an error, a mail server's or Prefect's, that are shown.
LONGEST = 200


def find_order(text: str) -> DownloadRequest:
    """Return the order; raises `CommandError` where there is none."""
    try:
        return finding.find_order(text)
    except DownloadRequest.DoesNotExist as exc:
        raise CommandError(f"There is no order {text}. `downman orders` lists those that there are.") from exc


def show(options: Mapping[str, Any]) -> Report:
    """Show one order; where Prefect is away, all but its runs."""
    order = find_order(options["order"])
    tables = (_facts, _packaging, _parts, _links, _mails, _events, _runs)
    with translation.override("en"):
        return Report(tables=[table(order) for table in tables])


def _facts(order: DownloadRequest) -> Table:
    columns = {
        "order": "id",
        "number": "number",
        "status": "status",
        "email": "e-mail address",
        "language": "language",
        "created_at": "placed",
        "updated_at": "changed",
        "cancelled_at": "cancelled",
    }
    row = [order.pk, *(getattr(order, name) for name in list(columns)[1:])]
    return Table(name="order", title=f"Order {order.number}", columns=columns, rows=[row])


def _packaging(order: DownloadRequest) -> Table:
    columns = {
        "attempt": "attempt",
        "due_at": "next run due",
        "run_id": "requested run",
        "lease_owner": "lease holder",
        "lease_until": "lease expires",
        "reserved_bytes": "reserved",
    }
    row = [getattr(order, name) for name in columns]
    return Table(name="work", title="Packaging", columns=columns, rows=[row])


def _parts(order: DownloadRequest) -> Table:
    columns = {
        "part": "part",
        "resource": "resource",
        "format": "format",
        "status": "status",
        "approval": "approval",
        "attempts": "attempts",
        "retry_at": "next attempt",
        "bytes_done": "fetched",
        "bytes_total": "total",
        "error": "problem",
        "note": "note to the requester",
    }
    rows = [
        (
            row.position + 1,
            row.resource_id,
            row.format,
            row.status,
            row.approval,
            row.attempts,
            row.retry_at,
            row.bytes_done,
            row.bytes_total,
            get_error_text(row),
            row.decision_note,
        )
        for row in order.locators.all()
    ]
    return Table(name="parts", title="Parts", columns=columns, rows=rows)


def _links(order: DownloadRequest) -> Table:
    columns = {
        "link": "link",
        "name": "name",
        "delivery": "delivery",
        "status": "status",
        "size": "size",
        "expires_at": "expires",
        "deleted_at": "deleted",
        "downloads": "downloads",
        "last_download_at": "last download",
    }
    rows = [
        (
            link.pk,
            link.name,
            link.delivery,
            status_now(link).value,
            link.size,
            link.expires_at,
            link.deleted_at,
            link.download_count,
            link.last_download_at,
        )
        for link in order.links.order_by("-pk")[: MOST + 1]
    ]
    return _get_newest("links", "Links, newest first", columns, rows)


def _mails(order: DownloadRequest) -> Table:
    columns = {
        "mail": "e-mail",
        "kind": "kind",
        "recipient": "to",
        "status": "status",
        "attempts": "attempts",
        "due_at": "next attempt",
        "sent_at": "sent",
        "error": "last error",
    }
    rows = [
        (
            mail.pk,
            mail.kind,
            mail.recipient,
            mail.status,
            mail.attempts,
            mail.due_at if mail.status in UNSENT_NOTICES else None,
            mail.sent_at,
            mail.last_error[:LONGEST],
        )
        for mail in order.notices.order_by("-pk")[: MOST + 1]
    ]
    return _get_newest("mails", "E-mails, newest first", columns, rows)


def _events(order: DownloadRequest) -> Table:
    columns = {"at": "at", "part": "part", "from": "from", "to": "to", "reason": "reason", "actor": "by"}
    rows = [
        (
            event.at,
            event.locator.position + 1 if event.locator else None,
            event.from_status,
            event.to_status,
            event.reason,
            event.actor,
        )
        for event in order.events.select_related("locator").order_by("-pk")[: MOST + 1]
    ]
    return _get_newest("events", "History, newest first", columns, rows)


def _get_newest(name: str, title: str, columns: Mapping[str, str], rows: list[tuple[Any, ...]]) -> Table:
    note = f"Only the newest {MOST} are shown." if len(rows) > MOST else ""
    return Table(name=name, title=title, columns=columns, rows=rows[:MOST], note=note)


def _runs(order: DownloadRequest) -> Table:
    columns = {
        "run": "run",
        "run_id": "id",
        "state": "state",
        "planned_at": "planned",
        "started_at": "started",
        "ended_at": "ended",
        "message": "message",
    }
    rows: list[tuple[Any, ...]] = []
    note = ""
    try:
        rows = [
            (
                run["name"],
                run["id"],
                run["state_name"],
                *(_time(run[key]) for key in ("expected_start_time", "start_time", "end_time")),
                ((run["state"] or {}).get("message") or "")[:LONGEST],
            )
            for run in _read_runs(order)
        ]
    except PrefectUnavailable as exc:
        note = f"Prefect's server does not answer ({exc}), so its runs are not known."
    return Table(name="runs", title="Runs in Prefect, newest first", columns=columns, rows=rows, note=note)


def _read_runs(order: DownloadRequest) -> Iterable[dict[str, Any]]:
    """Return the order's runs: each bears the name under which it was asked for (`services.dispatch`)."""
    numbers = range(order.attempt, max(0, order.attempt - MOST_RUNS), -1)
    names = [to_package_key(order, number) for number in numbers]
    api = PrefectApi.from_settings(timeout_seconds=ANSWER_SECONDS)
    wanted = {"flow_runs": {"name": {"any_": names}}, "sort": "EXPECTED_START_TIME_DESC"}
    return list(api.pages("flow_runs/filter", wanted, most=MOST_RUNS)) if names else []


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
