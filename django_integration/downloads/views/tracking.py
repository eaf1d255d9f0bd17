"""The page on which an order is followed, and cancelled."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST, require_safe

from django_integration.domain.errors import IllegalTransition
from django_integration.domain.status import REQUEST_TRANSITIONS, RequestStatus, final_of
from django_integration.downloads.models import DownloadRequest
from django_integration.downloads.services import cancelling, tracking

View = Callable[..., HttpResponse]


def by_its_address_only(view: View) -> View:
    """Keep what only the address opens to those who have the address; answer an address that opens nothing."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except DownloadRequest.DoesNotExist:
            response = render(request, "downloads/request_unknown.html", status=HTTPStatus.NOT_FOUND)
        # `no-referrer` would make browsers send `Origin: null` with the page's own form, which Django refuses.
        response["Referrer-Policy"] = "same-origin"
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return guarded


@never_cache
@csrf_protect
@require_safe
@by_its_address_only
def tracking_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show how an order stands."""
    return _page(request, tracking.find_request(public_id))


@never_cache
@csrf_protect
@require_POST
@by_its_address_only
def cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Cancel an order and show it."""
    found = tracking.find_request(public_id)
    try:
        cancelling.cancel_request(found.pk, actor="requester")
    except IllegalTransition:
        refusal = _("This order has ended already; there was nothing left to cancel.")
        return _page(request, found, refusal=refusal, status=HTTPStatus.CONFLICT)
    return redirect("downloads:tracking", public_id)


def _page(request: HttpRequest, found: DownloadRequest, *, refusal: str = "", status: int = 200) -> HttpResponse:
    tracked = tracking.track(found)
    context = {
        "tracked": tracked,
        "refusal": refusal,
        "is_final": tracked.status in final_of(REQUEST_TRANSITIONS),
        "is_moving": tracked.status in {RequestStatus.QUEUED, RequestStatus.PACKAGING, RequestStatus.PARTLY_READY},
    }
    return render(request, "downloads/tracking.html", context, status=status)
