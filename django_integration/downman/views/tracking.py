"""The page on which an order is followed, and what its owner can do with it: cancel, keep longer, order again."""

from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST, require_safe

from downman.domain.email_domains import suggest_email
from downman.domain.errors import (
    ConfirmationRefused,
    ExtensionRefused,
    IllegalTransition,
    LimitReached,
    OrderRefused,
)
from downman.domain.status import OPEN_REQUESTS, REQUEST_TRANSITIONS, get_final_statuses
from downman.forms import OrderForm
from downman.login import opened_by_secret
from downman.models import DownloadRequest
from downman.services import cancelling, change_email, extending, ordering, tracking, verification
from downman.services.transitions import REQUESTER
from downman.views.capability_url import capability_url
from downman.views.limits import limit_reached
from downman.visitors import get_requester, get_visitor


@never_cache
@csrf_protect
@require_safe
@opened_by_secret
@capability_url
def tracking_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show how an order stands."""
    return _page(request, tracking.find_request(public_id))


@never_cache
@csrf_protect
@require_POST
@opened_by_secret
@capability_url
def cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Cancel an order and show it."""
    found = tracking.find_request(public_id)
    return _done_or_refused(
        request,
        public_id,
        lambda: cancelling.cancel_request(found.pk, actor=REQUESTER),
        refusal=_("This order has ended already; there was nothing left to cancel."),
    )


@never_cache
@csrf_protect
@require_POST
@opened_by_secret
@capability_url
def cancel_resource(request: HttpRequest, public_id: UUID, position: int) -> HttpResponse:
    """Cancel one resource of an order and show the order."""
    found = tracking.find_resource(public_id, position)
    return _done_or_refused(
        request,
        public_id,
        lambda: cancelling.cancel_resource(found.pk, actor=REQUESTER),
        refusal=_("This resource has come to its end already; there was nothing left to cancel."),
    )


@never_cache
@csrf_protect
@require_POST
@opened_by_secret
@capability_url
def extend(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Keep what can be taken for longer, and show the order."""
    found = tracking.find_request(public_id)
    return _done_or_refused(
        request,
        public_id,
        lambda: extending.extend(found.pk, actor=REQUESTER),
        refusal=_(ExtensionRefused.sentence),
    )


@never_cache
@csrf_protect
@require_POST
@capability_url
def again(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Order once more what an order did not give; where the catalogue refuses, show what it still offers of it."""
    found = tracking.find_request(public_id)
    try:
        placed = ordering.order_again(found, **get_requester(request))
    except IllegalTransition:
        refusal = _("There is nothing to order again: everything can be taken, or may still come.")
        return _page(request, found, refusal=refusal)
    except OrderRefused as refused:
        missing = [row.resource for row in tracking.track(found).resources if row.missing]
        form = OrderForm(None, cart=missing, user=get_visitor(request))
        context = {"form": form, "refusal": refused.message}
        return render(request, "downloads/order.html", context, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    except LimitReached as reached:
        return limit_reached(request, "downloads/tracking.html", _context(found), reached)
    return redirect("downloads:tracking", placed.public_id)


@never_cache
@csrf_protect
@require_POST
@opened_by_secret
@capability_url
def correct_email(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Send what is about an order to another address, and show the order."""
    found = tracking.find_request(public_id)
    try:
        change_email.correct_email(found.pk, request.POST.get("email", ""))
    except OrderRefused as refused:
        return _page(request, found, refusal=refused.message, written=request.POST.get("email", ""))
    except IllegalTransition:
        return _page(request, found, refusal=_("This order has ended already; nothing more is sent about it."))
    return redirect("downloads:tracking", public_id)


@never_cache
@csrf_protect
@require_POST
@opened_by_secret
@capability_url
def send_confirmation(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Send the e-mail that asks for a confirmation once more, and show the order."""
    found = tracking.find_request(public_id)
    try:
        verification.ask_again(found)
    except ConfirmationRefused as refused:
        return _page(request, found, refusal=str(refused))
    return redirect("downloads:tracking", public_id)


def _done_or_refused(
    request: HttpRequest, public_id: UUID, work: Callable[[], object], *, refusal: str
) -> HttpResponse:
    try:
        work()
    except (IllegalTransition, ExtensionRefused):
        return _page(request, tracking.find_request(public_id), refusal=refusal)
    return redirect("downloads:tracking", public_id)


def _page(request: HttpRequest, found: DownloadRequest, *, refusal: str = "", written: str = "") -> HttpResponse:
    status = HTTPStatus.CONFLICT if refusal else HTTPStatus.OK
    context = {**_context(found), "refusal": refusal, "written": written}
    return render(request, "downloads/tracking.html", context, status=status)


def _context(found: DownloadRequest) -> dict[str, object]:
    tracked = tracking.track(found)
    return {
        "tracked": tracked,
        "suggestion": suggest_email(tracked.email),
        "is_final": tracked.status in get_final_statuses(REQUEST_TRANSITIONS),
        "is_moving": tracked.status in OPEN_REQUESTS,
    }
