"""The URLs of the reference site."""

from django.contrib import admin
from django.urls import include, path

from downman_site import portal

urlpatterns = [
    path("", portal.portal_page, name="portal"),
    path("data/<path:name>", portal.data, name="data"),
    path("downloads/", include("downman.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]
