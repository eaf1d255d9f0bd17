"""The rules."""

from django.contrib import admin
from django.http import HttpRequest

from downman.models import PolicyRecord


@admin.register(PolicyRecord)
class PolicyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The rules: one row."""

    list_display = ("__str__", "behaviour", "cart_limit", "validity_days", "max_public_bytes", "administrators")
    fields = ("behaviour", "cart_limit", "validity_days", "max_public_bytes", "administrators")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Allow one row."""
        return super().has_add_permission(request) and not PolicyRecord.objects.exists()
