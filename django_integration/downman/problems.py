"""Errors of the API as problem details (RFC 9457): a sentence that says what to change."""

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from downman.domain.errors import (
    ConfirmationRefused,
    ExtensionRefused,
    IllegalTransition,
    LimitReached,
    OrderRefused,
)
from downman.models import DownloadLink, DownloadRequest, GenericRequest, ResourceLocator
from downman.settings import app_settings
from downman.strict_json import UnusableJson

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponse]
#: What Django raises when the database cannot be reached, or cannot serve now.
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError)
#: Seconds after which it is worth asking again.
ASK_AGAIN_AFTER = 10


def problem(
    status: HTTPStatus, detail: str, *, errors: list[dict[str, str]] | None = None, **members: str
) -> HttpResponse:
    """Make the answer for an error; `members` extend it (RFC 9457, 3.2)."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **members,
    }
    if errors:
        body["errors"] = errors
    return JsonResponse(body, status=status.value, content_type="application/problem+json")


def database_unavailable() -> HttpResponse:
    """Make the answer for a database that cannot be reached."""
    detail = _("The site cannot reach its database at the moment. Orders are not affected. Ask again in a few seconds.")
    answer = problem(HTTPStatus.SERVICE_UNAVAILABLE, detail)
    answer["Retry-After"] = str(ASK_AGAIN_AFTER)
    return answer


def limit_problem(exc: LimitReached) -> HttpResponse:
    """Make the answer for who has reached a limit (RFC 6585, 4), with the name of that limit."""
    answer = problem(HTTPStatus.TOO_MANY_REQUESTS, exc.message, limit=exc.limit)
    answer["Retry-After"] = str(exc.retry_after)
    return answer


def small_json_only(view: View) -> View:
    """Refuse a body that is not JSON, or too large, before it is read."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        limit = app_settings().max_order_bytes
        if request.content_type != "application/json":
            return problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _("Send the order as JSON, with Content-Type: application/json.")
            )
        # A server that takes bodies without a length (chunked) must bound them itself; Django reads none of those.
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isascii() or not length.isdecimal() or len(length) > len(str(limit)) or int(length) > limit:
            return problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                _("The order is longer than {limit} bytes. Split it.").format(limit=limit),
            )
        return view(request, *args, **kwargs)

    return guarded


def install(api: NinjaAPI) -> None:
    """Have every error that a caller can cause answered as a problem."""

    @api.exception_handler(OrderRefused)
    def refused(_request: HttpRequest, exc: OrderRefused) -> HttpResponse:
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, exc.message, errors=[{"field": exc.field, "detail": exc.message}]
        )

    @api.exception_handler(LimitReached)
    def too_many(_request: HttpRequest, exc: LimitReached) -> HttpResponse:
        return limit_problem(exc)

    @api.exception_handler(IllegalTransition)
    @api.exception_handler(ExtensionRefused)
    @api.exception_handler(ConfirmationRefused)
    def too_late(
        _request: HttpRequest, exc: IllegalTransition | ExtensionRefused | ConfirmationRefused
    ) -> HttpResponse:
        return problem(HTTPStatus.CONFLICT, _(exc.sentence).format_map(exc.details))

    @api.exception_handler(OperationalError)
    @api.exception_handler(InterfaceError)
    def away(_request: HttpRequest, exc: Exception) -> HttpResponse:
        logger.error("The database cannot be reached: %s", exc)
        return database_unavailable()

    @api.exception_handler(ResourceLocator.DoesNotExist)
    @api.exception_handler(DownloadLink.DoesNotExist)
    def nothing_there(_request: HttpRequest, _exc: Exception) -> HttpResponse:
        return problem(HTTPStatus.NOT_FOUND, _("The order has nothing in that place. Places are counted from 0."))

    @api.exception_handler(GenericRequest.DoesNotExist)
    @api.exception_handler(DownloadRequest.DoesNotExist)
    def unknown(_request: HttpRequest, _exc: Exception) -> HttpResponse:
        return problem(HTTPStatus.NOT_FOUND, _("There is no such order. Check the URL that you were given."))

    @api.exception_handler(Http404)
    def nowhere(_request: HttpRequest, _exc: Exception) -> HttpResponse:
        return problem(HTTPStatus.NOT_FOUND, _("There is nothing here. The URLs are in openapi.json."))

    @api.exception_handler(ValidationError)
    def invalid(_request: HttpRequest, exc: ValidationError) -> HttpResponse:
        errors = [
            {"field": ".".join(str(step) for step in item["loc"][2:]), "detail": str(item["msg"])}
            for item in exc.errors[:20]
        ]
        return problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            " ".join(f"{item['field'] or 'The order'}: {item['detail']}." for item in errors),
            errors=errors,
        )

    @api.exception_handler(HttpError)
    def http_error(_request: HttpRequest, exc: HttpError) -> HttpResponse:
        return _http_problem(exc)


def _http_problem(exc: HttpError) -> HttpResponse:
    """Answer for a body that cannot be read: the only one of these that a caller meets here."""
    found = exc.__cause__
    if not isinstance(found, UnusableJson):
        detail = _("The order is not JSON.") if exc.status_code == HTTPStatus.BAD_REQUEST else str(exc)
        return problem(HTTPStatus(exc.status_code), detail)
    sentence = _(found.sentence)
    detail = f"{found.place}: {sentence}" if found.place else sentence
    errors = [{"field": found.place, "detail": sentence}]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)
