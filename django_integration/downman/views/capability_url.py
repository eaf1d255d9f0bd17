"""What only its URL opens."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from downman.models import GenericRequest

View = Callable[..., HttpResponse]


def capability_url(view: View) -> View:
    """Keep what only its URL opens to those who have that; answer a URL that opens nothing."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except ObjectDoesNotExist as missing:
            context = {"is_generic": isinstance(missing, GenericRequest.DoesNotExist)}
            response = render(request, "downloads/request_unknown.html", context, status=HTTPStatus.NOT_FOUND)
        # `no-referrer` would make browsers send `Origin: null` with the page's own form, which Django refuses.
        response["Referrer-Policy"] = "same-origin"
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return guarded
