"""The URLs of the app; a site includes them where it likes."""

from django.urls import URLPattern, URLResolver, path, re_path

from downman import login
from downman.api import api
from downman.security_headers import with_security_headers
from downman.views import confirmation, generic, health, links, metrics, order, tracking

app_name = "downloads"

_PATTERNS: list[URLPattern | URLResolver] = [
    path("order/", order.order_page, name="order"),
    path("requests/<uuid:public_id>/", tracking.tracking_page, name="tracking"),
    path("requests/<uuid:public_id>/cancel/", tracking.cancel, name="cancel"),
    path(
        "requests/<uuid:public_id>/resources/<int:position>/cancel/", tracking.cancel_resource, name="cancel-resource"
    ),
    path("requests/<uuid:public_id>/extend/", tracking.extend, name="extend"),
    path("requests/<uuid:public_id>/again/", tracking.again, name="again"),
    path("requests/<uuid:public_id>/email/", tracking.correct_email, name="correct-email"),
    path("requests/<uuid:public_id>/confirmation/", tracking.send_confirmation, name="send-confirmation"),
    path("confirm/<str:token>/", confirmation.confirmation_page, name="confirm"),
    path("generic/", generic.generic_page, name="generic"),
    path("generic/<uuid:public_id>/", generic.generic_tracking_page, name="generic-tracking"),
    path("generic/<uuid:public_id>/cancel/", generic.cancel, name="generic-cancel"),
    path("generic/<uuid:public_id>/confirmation/", generic.send_confirmation, name="generic-send-confirmation"),
    path("links/<str:token>/<str:name>", links.download, name="link"),
    path("links/<str:token>/", links.download, name="link-short"),
    path("api/", login.answer_programs(api.urls)),
    # Answered with and without a slash at the end: not every program that asks follows a redirect.
    re_path(r"^health/live/?$", health.live, name="health-live"),
    re_path(r"^health/ready/?$", health.ready, name="health-ready"),
    re_path(r"^metrics/?$", metrics.metrics, name="metrics"),
]

urlpatterns = with_security_headers(_PATTERNS)
