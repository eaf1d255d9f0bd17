"""What an administrator can do with one order from the command line; the admin pages can do the same and more."""

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Q
from django.utils import translation

from downman.domain.errors import IllegalTransition, OrderRefused
from downman.domain.notices import FOR_ADMINISTRATORS
from downman.domain.status import ENDED_REQUESTS, NoticeStatus, RequestStatus, describe_status
from downman.models import DownloadRequest, Notice
from downman.services import cancelling, notices, retrying
from downman.services.ordering import order_again
from downman_ops.commands import Report
from downman_ops.orders.details import find_order
from downman_ops.prompts import confirm, get_actor

LATER = "If Prefect's server does not answer now, it is done when it is back."
#: Why nothing of an order can be tried now, and what to do instead.
NOTHING_WAITS: Mapping[RequestStatus, str] = {
    RequestStatus.UNVERIFIED: "waits for its requester to confirm the e-mail address. The admin pages can confirm it.",
    RequestStatus.QUEUED: "is due already and waits for a worker. `downman doctor` checks whether there is one.",
    RequestStatus.PACKAGING: "is being packaged now. `downman show` says how far it is.",
    RequestStatus.AWAITING_APPROVAL: "waits for an administrator. Accept or release its parts on the admin pages.",
    RequestStatus.PARTLY_READY: "has no part that waits for a later run. `downman show` says what becomes of each.",
    RequestStatus.READY: "is ready: there is nothing to try again.",
}
IS_OVER = "is over. --again places a new order of what is missing, for the same requester."


def retry(options: Mapping[str, Any]) -> Report:
    """Try now what waits for a later run, or place a new order of what is missing."""
    order = find_order(options["order"])
    if options["again"]:
        return _place_again(order)
    try:
        parts = retrying.try_now(order.pk, actor=get_actor(options))
    except IllegalTransition as exc:
        order.refresh_from_db()
        raise CommandError(f"Order {order.number} {NOTHING_WAITS.get(RequestStatus(order.status), IS_OVER)}") from exc
    return Report(done=[f"Order {order.number}: {_count(parts, 'part')} to be tried now. {LATER}"])


def _place_again(order: DownloadRequest) -> Report:
    try:
        with translation.override("en"):
            new = order_again(order)
    except IllegalTransition as exc:
        hint = "Omit --again to try now what waits." if order.status not in ENDED_REQUESTS else ""
        raise CommandError(
            f"Nothing is missing of order {order.number}: it is {describe_status(order.status)}. {hint}".strip()
        ) from exc
    except OrderRefused as exc:
        raise CommandError(f"Order {order.number} cannot be placed again: {exc.message}") from exc
    return Report(
        done=[f"Order {new.number} was placed: what is missing of order {order.number}, for the same requester."]
    )


def cancel(options: Mapping[str, Any]) -> Report:
    """Cancel an order, or one part or link of it, after a question. Raises `IllegalTransition`."""
    order = find_order(options["order"])
    actor = get_actor(options)
    if options["note"] and options["part"] is None:
        raise CommandError("A note belongs to a part: name it with --part, or omit --note.")
    if options["part"] is not None:
        return _cancel_part(order, options, actor)
    if options["link"] is not None:
        return _cancel_link(order, options, actor)
    if order.status in ENDED_REQUESTS:
        raise IllegalTransition(status=order.status)
    confirm(
        f"Cancel order {order.number}? Running work stops, its links end, and the requester is notified. This "
        "cannot be undone.",
        options,
    )
    cancelling.cancel_request(order.pk, actor=actor)
    return Report(done=[f"Cancelled: order {order.number}."])


def _cancel_part(order: DownloadRequest, options: Mapping[str, Any], actor: str) -> Report:
    number = options["part"]
    part = order.locators.filter(position=number - 1).first() if number > 0 else None
    if part is None:
        raise CommandError(f"Order {order.number} has no part {number}. `downman show {order.number}` numbers them.")
    confirm(
        f"Cancel part {number} of order {order.number} ({part.resource_id})? The rest of the order continues; what is "
        "in one package with it is packaged again, without it. This cannot be undone.",
        options,
    )
    outcome = cancelling.cancel_resource(part.pk, actor=actor, note=options["note"])
    return Report(done=[f"Cancelled: part {number} of order {order.number}. The order is {describe_status(outcome)}."])


def _cancel_link(order: DownloadRequest, options: Mapping[str, Any], actor: str) -> Report:
    number = options["link"]
    link = order.links.filter(pk=number).first()
    if link is None:
        raise CommandError(f"Order {order.number} has no link {number}. `downman show {order.number}` numbers them.")
    confirm(
        f"End link {number} of order {order.number}? Nobody can download what it leads to any more. This cannot be "
        "undone.",
        options,
    )
    outcome = cancelling.cancel_link(link.pk, actor=actor)
    return Report(done=[f"Link {number} of order {order.number} was ended. The order is {describe_status(outcome)}."])


def resend(options: Mapping[str, Any]) -> Report:
    """Send e-mails of an order now: those that failed, one of them, or, after a question, also those that were sent."""
    order = find_order(options["order"])
    chosen = _choose_emails(order, options)
    if options["all"] and chosen:
        confirm(f"Send {_count(len(chosen), 'e-mail')} of order {order.number} once more?", options)
    for notice in chosen:
        notices.resend(notice.pk)
    return Report(done=[f"Order {order.number}: {_count(len(chosen), 'e-mail')} to be sent in a moment. {LATER}"])


def _choose_emails(order: DownloadRequest, options: Mapping[str, Any]) -> list[Notice]:
    """Return the e-mails that were chosen; raises `CommandError` where there are none."""
    if options["mail"] is not None:
        chosen = list(order.notices.filter(pk=options["mail"]))
        missing = f"Order {order.number} has no e-mail {options['mail']}. `downman show {order.number}` numbers them."
    else:
        not_taken = Q(status__in=[NoticeStatus.FAILED, NoticeStatus.RETRYING])
        # Not the copies, and none to an address that is no longer the order's.
        ours = Q(recipient=order.email) | Q(kind__in=FOR_ADMINISTRATORS)
        sent = Q(status=NoticeStatus.SENT) & ours & ~Q(fact__contains=" again ")
        chosen = list(order.notices.filter(not_taken | sent if options["all"] else not_taken))
        missing = (
            f"No e-mail of order {order.number} has failed. `downman show {order.number}` lists them; --all sends all "
            "once more."
        )
    if not chosen:
        raise CommandError(missing)
    return chosen


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
