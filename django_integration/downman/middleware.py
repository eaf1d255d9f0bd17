"""What the site answers while its database cannot be reached, and headers for all of its pages."""

import logging
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.signals import got_request_exception
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import get_script_prefix, reverse
from django.utils.translation import gettext as _

from downman.problems import ASK_AGAIN_AFTER, DATABASE_UNAVAILABLE, database_unavailable, problem
from downman.security_headers import set_security_headers

logger = logging.getLogger(__name__)


class SecurityHeadersMiddleware:
    """Gives all pages of a site the headers that those of the app have; those that a page has set stay."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Stand around the rest of the site."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let the rest of the site answer, and set the headers."""
        response = self.get_response(request)
        set_security_headers(response)
        return response


class UnreadableRequestMiddleware:
    """Answers 400 to a NUL in the path, the query or a cookie, which no database takes; before all that ask one.

    Nobody sends one but to find defects. Django's own pages would fail: its admin's filters (`?status__exact=%00`) and
    its sessions (`sessionid=` with a NUL in octal).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Stand around the rest of the site."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let the rest of the site answer to what can be read."""
        query = request.META.get("QUERY_STRING", "")
        texts = (request.path_info, query, *request.COOKIES.values())
        if "%00" not in query and not any("\0" in text for text in texts):
            return self.get_response(request)
        sentence = _("This address has a character that no address here has. Check the URL that you were given.")
        if _is_api(request):
            answer = problem(HTTPStatus.BAD_REQUEST, sentence)
        else:
            page = render_to_string("downloads/unreadable.html", {"sentence": sentence})
            answer = HttpResponse(page, status=HTTPStatus.BAD_REQUEST)
        answer["Cache-Control"] = "no-store"
        set_security_headers(answer)
        return answer


class DatabaseUnavailableMiddleware:
    """Answers 503 with a friendly page, or a problem of the API; it belongs before all that use sessions.

    What a view raises comes to `process_exception`. What another middleware raises was made an answer by Django before
    it gets here, so that is told apart by the signal that Django sends then.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Stand around the rest of the site."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let the rest of the site answer; put a better answer in the place of one that only says that it failed."""
        response = self.get_response(request)
        return _answer(request) if hasattr(request, "database_unavailable") else response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for a view that could not reach the database."""
        if not isinstance(exception, DATABASE_UNAVAILABLE):
            return None
        logger.error("The database cannot be reached: %s", exception)
        return _answer(request)


@receiver(got_request_exception)
def _remember(request: HttpRequest, **_kwargs: Any) -> None:
    if isinstance(sys.exception(), DATABASE_UNAVAILABLE):
        request.database_unavailable = True  # type: ignore[attr-defined]


def _answer(request: HttpRequest) -> HttpResponse:
    if _is_api(request):
        answer = database_unavailable()
        answer["Cache-Control"] = "no-store"
        set_security_headers(answer)
        return answer
    # Without the request: the template must not come upon the visitor or the session, which lie in the database.
    page = render_to_string("downloads/database_unavailable.html")
    answer = HttpResponse(
        page,
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        headers={"Retry-After": str(ASK_AGAIN_AFTER), "Cache-Control": "no-store"},
    )
    set_security_headers(answer)
    return answer


def _is_api(request: HttpRequest) -> bool:
    """Return whether a program asks; an ASGI server behind a proxy that cuts the prefix off leaves it out of `path`."""
    path = get_script_prefix().rstrip("/") + request.path_info
    return path.startswith(reverse("downloads:api:api-root"))
