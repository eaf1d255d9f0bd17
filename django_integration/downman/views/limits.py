"""What pages answer to those who have reached a limit."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from downman.domain.errors import LimitReached


def limit_reached(
    request: HttpRequest, template: str, context: Mapping[str, Any], reached: LimitReached
) -> HttpResponse:
    """Show the same page again, with all that was filled in and the sentence that says when to come back."""
    response = render(
        request, template, {**context, "limit_reached": reached.message}, status=HTTPStatus.TOO_MANY_REQUESTS
    )
    response["Retry-After"] = str(reached.retry_after)
    return response
