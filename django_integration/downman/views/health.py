"""Return whether the site lives, and whether it can serve; read by programs, without a session or a login."""

from dataclasses import asdict
from http import HTTPStatus

from django.contrib.auth.decorators import login_not_required
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from downman.monitoring.readiness import Readiness, check_readiness

NOT_KEPT = {"Cache-Control": "no-store"}


@login_not_required
@non_atomic_requests
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Answer, which shows that this process does; nothing else is checked."""
    return JsonResponse({"status": Readiness.OK}, headers=NOT_KEPT)


@login_not_required
@non_atomic_requests
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Return the status of each part; 503 when people cannot order, or download what is ready."""
    status, parts = check_readiness()
    return JsonResponse(
        {"status": status, "parts": {part: asdict(found) for part, found in parts.items()}},
        status=HTTPStatus.SERVICE_UNAVAILABLE if status is Readiness.UNAVAILABLE else HTTPStatus.OK,
        headers=NOT_KEPT,
    )
