"""The figures for Prometheus."""

from http import HTTPStatus

from django.contrib.auth.decorators import login_not_required
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from downman.domain.loopback import is_this_machine
from downman.monitoring.metrics.exposition import CONTENT_TYPE, exposition
from downman.settings import app_settings
from downman.views.health import NOT_KEPT

#: What a proxy adds: the one that asks may be anywhere.
OF_PROXIES = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


@login_not_required
@non_atomic_requests
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the figures to those who may read them; for others there is nothing at this URL."""
    if not _may_read(request):
        return HttpResponse(status=HTTPStatus.NOT_FOUND, headers=NOT_KEPT)
    return HttpResponse(exposition(), content_type=CONTENT_TYPE, headers=NOT_KEPT)


def _may_read(request: HttpRequest) -> bool:
    token = app_settings().metrics_token.get_secret_value()
    if token:
        return constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}")
    is_direct = not any(name in request.META for name in OF_PROXIES)
    return is_direct and is_this_machine(request.META.get("REMOTE_ADDR", ""))
