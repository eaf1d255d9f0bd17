"""The catalogue."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.forms import Field, Select
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from downman import sources
from downman.admin.guarded import GuardedAdmin
from downman.domain.url_secrets import without_secrets
from downman.models import Resource
from downman.templatetags.downman_display import size_in_words


@admin.register(Resource)
class ResourceAdmin(GuardedAdmin):
    """The catalogue."""

    list_display = ("title", "id", "source", "size", "restricted", "offered", "licence", "updated_at")
    list_filter = ("source", "restricted", "offered")
    search_fields = ("id", "title", "summary")
    actions = ("offer", "withdraw")

    def get_readonly_fields(self, _request: HttpRequest, obj: Resource | None = None) -> tuple[str, ...]:
        """Keep the id: changing it would make another resource."""
        return ("id", "public_url") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Resource | None = None) -> list[Any]:
        """Show the URL as it is to those who may change it; it may hold a key."""
        names = [field.name for field in self.opts.fields if field.name != "updated_at"]
        if obj and self.is_viewer(request):
            names[names.index("url")] = "public_url"
        return names

    @admin.display(description=_("URL"))
    def public_url(self, resource: Resource) -> str:
        """Return its URL without what opens something."""
        return without_secrets(resource.url, keep=resource.public_parameters)

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Field | None:  # type: ignore[type-arg]
        """Offer the names of the sources that this portal has."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "source":
            # The empty one is for a resource whose source the portal has no more.
            field.widget = Select(choices=[("", "-"), *((name, name) for name in sources.get_names())])
        return field

    @admin.display(description=_("size"), ordering="size_bytes")
    def size(self, resource: Resource) -> str:
        """Return its size in words."""
        return size_in_words(resource.size_bytes) or "-"

    @admin.action(description=_("Offer again"), permissions=["change"])
    def offer(self, _request: HttpRequest, resources: models.QuerySet[Resource]) -> None:
        """Let people order these."""
        resources.update(offered=True)

    @admin.action(description=_("Withdraw from the catalogue"), permissions=["change"])
    def withdraw(self, _request: HttpRequest, resources: models.QuerySet[Resource]) -> None:
        """Let nobody order or fetch these."""
        resources.update(offered=False)
