"""Pages for administrators: the catalogue and the rules can be changed; what happened can be looked at."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_integration.downloads.models import (
    DownloadLink,
    DownloadRequest,
    Notice,
    PolicyRecord,
    RequestEvent,
    Resource,
    ResourceLocator,
)
from django_integration.downloads.services.tracking import words_of
from django_integration.downloads.templatetags.downloads_words import size_in_words


class ReadOnly:
    """Lets people look, and change nothing: states change through the services only."""

    fields: ClassVar[tuple[str, ...]]

    def get_readonly_fields(self, *_arguments: Any) -> tuple[str, ...]:
        """Show all fields as text; Django makes no form for those that only the services write."""
        return self.fields

    def has_add_permission(self, *_arguments: Any) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, *_arguments: Any) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, *_arguments: Any) -> bool:
        """Refuse."""
        return False


class LocatorInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    """The resources of an order."""

    model = ResourceLocator
    fields = ("position", "resource", "format", "status", "approval", "attempts", "retry_at", "problem", "link")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ResourceLocator]:
        """Take the names along."""
        return super().get_queryset(request).select_related("resource", "link")

    @admin.display(description=_("problem"))
    def problem(self, locator: ResourceLocator) -> str:
        """Say what went wrong."""
        return words_of(locator) or "-"


class LinkInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    """The links of an order, without what opens them."""

    model = DownloadLink
    fields = ("name", "delivery", "status", "size", "expires_at", "deleted_at", "download_count", "last_download_at")


class NoticeInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    """The mails of an order."""

    model = Notice
    fields = ("kind", "recipient", "language", "status", "attempts", "due_at", "sent_at", "last_error")


class EventInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    """What happened to an order."""

    model = RequestEvent
    fields = ("at", "locator", "from_status", "to_status", "reason", "actor")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[RequestEvent]:
        """Take the parts along."""
        return super().get_queryset(request).select_related("locator")


@admin.register(DownloadRequest)
class RequestAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Orders; the address of an order's page opens it to everybody and is not shown in lists."""

    list_display = ("id", "email", "status", "parts", "language", "created_at", "due_at", "lease_until")
    list_filter = ("status", "language", "created_at")
    search_fields = ("=id", "=public_id", "email")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        "email",
        "user",
        "language",
        "status",
        "created_at",
        "updated_at",
        "cancelled_at",
        "attempt",
        "due_at",
        "run_id",
        "lease_owner",
        "lease_until",
        "raw_order",
    )
    inlines = (LocatorInline, LinkInline, NoticeInline, EventInline)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[DownloadRequest]:
        """Count the parts in the same query."""
        orders: models.QuerySet[DownloadRequest] = super().get_queryset(request)
        return orders.annotate(part_count=models.Count("locators"))

    @admin.display(description=_("resources"), ordering="part_count")
    def parts(self, request: DownloadRequest) -> int:
        """Say how many resources were ordered."""
        count: int = request.part_count  # type: ignore[attr-defined]
        return count


@admin.register(Resource)
class ResourceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The catalogue."""

    list_display = ("title", "id", "source", "size", "restricted", "offered", "licence", "updated_at")
    list_filter = ("source", "restricted", "offered")
    search_fields = ("id", "title", "summary")
    actions = ("offer", "withdraw")

    def get_readonly_fields(self, _request: HttpRequest, obj: Resource | None = None) -> tuple[str, ...]:
        """Keep the id: changing it would make another resource."""
        return ("id",) if obj else ()

    @admin.display(description=_("size"), ordering="size_bytes")
    def size(self, resource: Resource) -> str:
        """Give its size in words."""
        return size_in_words(resource.size_bytes) or "-"

    @admin.action(description=_("Offer again"))
    def offer(self, _request: HttpRequest, resources: models.QuerySet[Resource]) -> None:
        """Let people order these."""
        resources.update(offered=True)

    @admin.action(description=_("Withdraw from the catalogue"))
    def withdraw(self, _request: HttpRequest, resources: models.QuerySet[Resource]) -> None:
        """Let nobody order or fetch these."""
        resources.update(offered=False)


@admin.register(PolicyRecord)
class PolicyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The rules: one row."""

    list_display = ("__str__", "behaviour", "cart_limit", "validity_days", "max_public_bytes")
    fields = ("behaviour", "cart_limit", "validity_days", "max_public_bytes")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Allow one row."""
        return super().has_add_permission(request) and not PolicyRecord.objects.exists()
