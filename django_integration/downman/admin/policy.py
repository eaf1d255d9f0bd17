"""The rules."""

import dataclasses
from typing import Any, cast

from annotated_types import Le
from django.contrib import admin
from django.core.validators import MaxValueValidator
from django.db.models import Field
from django.http import HttpRequest

from downman.admin.guarded import GuardedAdmin
from downman.domain.limits import Limits
from downman.models import PolicyRecord
from downman.settings import AppSettings, app_settings

#: The most that a number may be, by the field's name, which is that of the setting too.
_MOST = {
    name: min(most)
    for name, field in AppSettings.model_fields.items()
    if (most := [cast("int", bound.le) for bound in field.metadata if isinstance(bound, Le)])
}


@admin.register(PolicyRecord)
class PolicyAdmin(GuardedAdmin):
    """The rules: one row."""

    list_display = ("__str__", "behaviour", "cart_limit", "validity_days", "max_public_bytes", "administrators")
    fieldsets = (
        (None, {"fields": ("behaviour", "cart_limit", "validity_days", "max_public_bytes", "administrators")}),
        (
            "Limits",
            {
                "description": "How much one client network and one person may order. Whoever is beyond a limit is "
                "told when to come back. An empty field means the site's setting.",
                "fields": [f"limit_{item.name}" for item in dataclasses.fields(Limits)],
            },
        ),
    )

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        """Refuse what the settings of the same names refuse too."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and (most := _MOST.get(db_field.name)):
            field.validators.append(MaxValueValidator(most))
        if field is not None and db_field.name.startswith("limit_"):
            setting = AppSettings.model_fields[db_field.name]
            field.help_text = f"{setting.description} The site's setting: {getattr(app_settings(), db_field.name):,}."
        return field

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Allow one row."""
        return super().has_add_permission(request) and not PolicyRecord.objects.exists()
