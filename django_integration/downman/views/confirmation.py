"""The page that the link of an e-mail opens, on which the address it went to is confirmed."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from downman.domain.errors import ConfirmationRefused
from downman.login import opened_by_secret
from downman.models import AddressVerification
from downman.services import verification
from downman.views.capability_url import capability_url


@never_cache
@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
@opened_by_secret
@capability_url
def confirmation_page(request: HttpRequest, token: str) -> HttpResponse:
    """Ask with a button, as programs open the links of e-mails too; confirm when it is pressed."""
    try:
        asked = verification.find(token)
    except AddressVerification.DoesNotExist:
        return render(request, "downloads/confirmation_unknown.html", status=HTTPStatus.NOT_FOUND)
    refusal = ""
    if request.method == "POST":
        try:
            verification.confirm(asked)
        except ConfirmationRefused as refused:
            refusal = str(refused)
    if not refusal and asked.confirmed_at:
        if asked.request:
            return redirect("downloads:tracking", asked.request.public_id)
        if asked.generic_request:
            return redirect("downloads:generic-tracking", asked.generic_request.public_id)
    about = asked.request or asked.generic_request
    is_open = verification.is_open(asked) and not refusal
    context = {
        "asked": asked,
        "number": about.number if about else "",
        "confirm_before": verification.get_end(asked),
        "is_open": is_open,
        "is_change": verification.is_change(asked),
        "refusal": refusal,
    }
    return render(request, "downloads/confirmation.html", context, status=HTTPStatus.OK if is_open else HTTPStatus.GONE)
