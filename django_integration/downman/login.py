"""Logins, where the site's `LoginRequiredMiddleware` demands one of everybody.

People are sent to the page on which they log in, programs are told 401. What a secret in the URL opens stays open, as
Django leaves its own links that reset a password: who has the URL from an e-mail, may it be with `curl`, has no session
there. Whether an order can be placed is for the login alone.
"""

from collections.abc import Callable
from functools import cache, wraps
from http import HTTPStatus
from typing import Any, TypeVar

from django.conf import settings as django_settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, URLResolver
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from downman.problems import problem
from downman.settings import app_settings

View = TypeVar("View", bound=Callable[..., HttpResponseBase])
#: Patterns of an API, the app's and the instance's namespace, as Django includes them.
Urls = tuple[list[URLResolver | URLPattern], str, str]


def must_log_in(request: HttpRequest) -> bool:
    """Return whether the site demands a login of everybody, and this visitor has none."""
    return any(map(_demands_login, django_settings.MIDDLEWARE)) and not request.user.is_authenticated


def must_log_in_for_secret_url(request: HttpRequest) -> bool:
    """Return whether the site demands it also where a secret opens what is asked for."""
    return app_settings().secret_urls_require_login and must_log_in(request)


def opened_by_secret(view: View) -> View:
    """Let the secret in its URL open a page without a login, unless the site wants both."""

    @login_not_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if must_log_in_for_secret_url(request):
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return guarded  # type: ignore[return-value]


def answer_programs(urls: Urls) -> Urls:
    """Let an API answer those that have not logged in itself: all but the page that people read."""
    for pattern in urls[0]:
        if isinstance(pattern, URLPattern) and pattern.name != "openapi-view":
            pattern.callback = login_not_required(pattern.callback)
    return urls


def logged_in_only(view: View) -> View:
    """Refuse programs that have not logged in, where the site demands it."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return login_problem() if must_log_in(request) else view(request, *args, **kwargs)

    return guarded  # type: ignore[return-value]


def login_problem() -> HttpResponse:
    """Make the answer for a program that has not logged in."""
    detail = _("This site asks everybody to log in. Log in, and send the cookie of the session with each request.")
    answer = problem(HTTPStatus.UNAUTHORIZED, detail)
    # RFC 9110 wants one; no browser asks for a password because of this.
    answer["WWW-Authenticate"] = f'Cookie cookie-name="{django_settings.SESSION_COOKIE_NAME}"'
    return answer


@cache
def _demands_login(path: str) -> bool:
    found = import_string(path)
    return isinstance(found, type) and issubclass(found, LoginRequiredMiddleware)
