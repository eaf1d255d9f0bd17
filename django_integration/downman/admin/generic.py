"""Free-text requests, and the answers to them."""

import json

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from downman.admin.actions import FREE_TEXT_ACTIONS
from downman.admin.base import ActionAdmin
from downman.admin.notices import FreeTextNoticeInline
from downman.models import GenericRequest


@admin.register(GenericRequest)
class GenericAdmin(ActionAdmin):
    """Free-text requests."""

    list_display = ("number", "status", "email", "organisation", "created_at", "decided_at", "decided_by")
    list_filter = ("status", "language", "created_at")
    search_fields = ("=id", "=number", "=public_id", "email", "organisation", "description")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    row_actions = FREE_TEXT_ACTIONS
    fields = (
        "number",
        "status",
        "email",
        "user",
        "language",
        "description",
        "usage",
        "organisation",
        "shown_map_view",
        "created_at",
        "answer",
        "decided_by",
        "decided_at",
    )
    inlines = (FreeTextNoticeInline,)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[GenericRequest]:
        """Read the view of the map only where it is shown."""
        found: models.QuerySet[GenericRequest] = super().get_queryset(request)
        return found.defer("map_view")

    @admin.display(description=_("map view"))
    def shown_map_view(self, free_text_request: GenericRequest) -> str:
        """Write it as JSON; nothing for one that was nested too deeply before that was refused."""
        try:
            return json.dumps(free_text_request.map_view, ensure_ascii=False)
        except RecursionError:
            return "-"
