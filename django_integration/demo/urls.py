"""The addresses of the demo site."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def portal(_request: HttpRequest) -> HttpResponse:
    """Stand in until the portal is there."""
    return HttpResponse("downman")


urlpatterns = [
    path("", portal, name="portal"),
    path("downloads/", include("django_integration.downloads.urls")),
    path("admin/", admin.site.urls),
]
