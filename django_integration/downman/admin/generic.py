"""Free-text requests, and the answers to them."""

from django.contrib import admin

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
        "map_view",
        "created_at",
        "answer",
        "decided_by",
        "decided_at",
    )
    inlines = (FreeTextNoticeInline,)
