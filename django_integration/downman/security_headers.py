"""Headers that let browsers do only what our pages need.

They are set on what the app answers itself, in any site, and never in the place of a header that is there: the other
pages of a site are its own. `downman.middleware.SecurityHeadersMiddleware` gives them to all pages of a site.
Sources: CSP Level 3, Referrer Policy, Permissions Policy (W3C); Fetch 3.7 (Cross-Origin-Resource-Policy).
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver

from downman.settings import app_settings

CSP = "Content-Security-Policy"
#: For what is no page: were it ever shown as one, nothing in it would run or load.
NOTHING_ALLOWED = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
#: Of django-ninja, where its own scripts are not among the site's static files.
_SCRIPTS_OF_API_PAGE = "https://cdn.jsdelivr.net"
_FOR_ALL: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FOR_PAGES: Mapping[str, str] = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), payment=(), "
    "serial=(), usb=()",
    # `no-referrer` would make browsers send `Origin: null` with a page's own form, which Django refuses.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_FOR_THE_REST: Mapping[str, str] = {"Referrer-Policy": "no-referrer"}


def set_security_headers(response: HttpResponseBase) -> None:
    """Set what an answer has not: pages get a Content-Security-Policy, all else one that allows nothing."""
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    headers = {**_FOR_ALL, **(_FOR_PAGES if is_page else _FOR_THE_REST)}
    if policy := page_policy() if is_page else NOTHING_ALLOWED:
        headers[CSP] = policy
    for name, value in headers.items():
        response.headers.setdefault(name, value)


def with_security_headers(patterns: list[URLPattern | URLResolver]) -> list[URLPattern | URLResolver]:
    """Have all views of these URLs, included ones too, answer with the headers."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            with_security_headers(pattern.url_patterns)
        else:
            pattern.callback = _with_headers(pattern.callback)
    return patterns


def page_policy(*, inline: bool = False, others: str = "") -> str:
    """Return the Content-Security-Policy of pages: that of the settings, or what our own pages need.

    `inline` and `others` allow a page of a library its own scripts and styles.
    """
    if (chosen := app_settings().content_security_policy) is not None:
        return chosen
    # Static files may be on another host.
    static = urlsplit(django_settings.STATIC_URL or "")
    origin = f"{static.scheme or 'https'}://{static.netloc}" if static.netloc else ""
    sources = " ".join(filter(None, ["'self'", origin, others]))
    code = f"{sources} 'unsafe-inline'" if inline else sources
    return (
        f"default-src {sources}; script-src {code}; style-src {code}; img-src {sources} data:; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _with_headers(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **kwargs)
        match = request.resolver_match
        if match and match.url_name == "openapi-view" and not apps.is_installed("ninja"):
            # django-ninja's page has scripts of its own then, and takes others from where it publishes them.
            policy = page_policy(inline=True, others=f"{_SCRIPTS_OF_API_PAGE} https://django-ninja.dev")
            response.headers.setdefault(CSP, policy)
        elif match and "api" in match.namespaces:
            response.headers.setdefault("Cache-Control", "no-store")
        set_security_headers(response)
        return response

    return answered
