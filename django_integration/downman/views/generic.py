"""The pages on which a generic request is made, followed, and cancelled."""

from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from downman.domain.errors import ConfirmationRefused, IllegalTransition, LimitReached, OrderRefused
from downman.domain.status import GENERIC_TRANSITIONS, GenericStatus, get_final_statuses
from downman.forms import FreeTextRequestForm
from downman.login import opened_by_secret
from downman.models import GenericRequest
from downman.services import generic, tracking, verification
from downman.services.transitions import REQUESTER
from downman.views.capability_url import capability_url
from downman.views.limits import limit_reached
from downman.visitors import get_requester, get_visitor


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def generic_page(request: HttpRequest) -> HttpResponse:
    """Show the form; store the free-text request that is sent."""
    form = FreeTextRequestForm(request.POST if request.method == "POST" else None, user=get_visitor(request))
    if form.is_valid():
        try:
            stored = generic.register(form.to_free_text_request(), **get_requester(request))
        except OrderRefused as refusal:
            form.refuse(refusal)
        except LimitReached as reached:
            return limit_reached(request, "downloads/generic.html", {"form": form}, reached)
        else:
            return redirect("downloads:generic-tracking", stored.public_id)
    return render(request, "downloads/generic.html", {"form": form}, status=422 if form.errors else 200)


@never_cache
@csrf_protect
@require_safe
@opened_by_secret
@capability_url
def generic_tracking_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show how a generic request stands."""
    return _page(request, tracking.find_generic(public_id))


@never_cache
@csrf_protect
@require_POST
@opened_by_secret
@capability_url
def cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Cancel a generic request and show it."""
    found = tracking.find_generic(public_id)
    try:
        generic.decide(found.pk, GenericStatus.CANCELLED, actor=REQUESTER)
    except IllegalTransition:
        return _page(request, found, refusal=_("This request was answered already; there was nothing left to cancel."))
    return redirect("downloads:generic-tracking", public_id)


@never_cache
@csrf_protect
@require_POST
@opened_by_secret
@capability_url
def send_confirmation(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Send the e-mail that asks for a confirmation once more."""
    found = tracking.find_generic(public_id)
    try:
        verification.ask_again(found)
    except ConfirmationRefused as refused:
        return _page(request, found, refusal=str(refused))
    return redirect("downloads:generic-tracking", public_id)


def _page(request: HttpRequest, free_text_request: GenericRequest, *, refusal: str = "") -> HttpResponse:
    context = {
        "free_text_request": free_text_request,
        "refusal": refusal,
        "is_final": free_text_request.status in get_final_statuses(GENERIC_TRANSITIONS),
    }
    status = HTTPStatus.CONFLICT if refusal else HTTPStatus.OK
    return render(request, "downloads/generic_tracking.html", context, status=status)
