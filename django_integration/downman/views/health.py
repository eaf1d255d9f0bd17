"""Return whether the site lives, and whether it can serve; read by programs, without a session or a login."""

from dataclasses import asdict
from http import HTTPStatus

from django.contrib.auth.decorators import login_not_required
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from downman.monitoring.readiness import Readiness, look

NOT_KEPT = {"Cache-Control": "no-store"}


@login_not_required
@non_atomic_requests
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; nothing else is looked at."""
    return JsonResponse({"status": Readiness.OK}, headers=NOT_KEPT)


@login_not_required
@non_atomic_requests
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Say how each part is; 503 when people cannot order, or take what is ready."""
    status, looks = look()
    return JsonResponse(
        {"status": status, "parts": {part: asdict(found) for part, found in looks.items()}},
        status=HTTPStatus.SERVICE_UNAVAILABLE if status is Readiness.UNAVAILABLE else HTTPStatus.OK,
        headers=NOT_KEPT,
    )
