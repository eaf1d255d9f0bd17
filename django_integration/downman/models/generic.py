"""A free-text request, which people handle."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models

from downman.domain.status import GENERIC_TRANSITIONS, GenericStatus
from downman.models.numbers import number_field, unique_number
from downman.models.states import StateQuerySet, known_values, to_choices
from downman.strict_json import UnusableJson, check_json

#: Those of which nobody has decided anything.
UNDECIDED = sorted((GenericStatus.UNVERIFIED.value, GenericStatus.REGISTERED.value))


class GenericQuerySet(StateQuerySet["GenericRequest"]):
    """Free-text requests; `services.generic` moves them."""

    transitions = GENERIC_TRANSITIONS


class MapViewField(models.JSONField):
    """A view of the portal's map; one that cannot be kept any more reads as none."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Read it; Python neither reads nor writes what is nested some hundred times, and a page would break."""
        try:
            read = super().from_db_value(value, expression, connection)
            check_json(read)
        except (RecursionError, UnusableJson):
            return None
        return read


class GenericRequest(models.Model):
    """What somebody needs that the catalogue does not offer; an administrator completes or rejects it."""

    number = number_field()
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    language = models.CharField(max_length=20, editable=False)
    description = models.TextField(editable=False)
    organisation = models.CharField(max_length=200, blank=True, editable=False)
    usage = models.TextField(blank=True, editable=False, help_text="What the data are needed for.")
    #: A view of the portal's map, in the portal's own words.
    map_view = MapViewField(null=True, blank=True, editable=False)
    status = models.CharField(
        max_length=20, choices=to_choices(GenericStatus), default=GenericStatus.REGISTERED.value, editable=False
    )
    #: What the administrator wrote to the requester.
    answer = models.TextField(blank=True, editable=False)
    #: Who moved it to its last state: an administrator's user name, or `requester`.
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = GenericQuerySet.as_manager()

    class Meta:
        """Newest last."""

        verbose_name = "free-text request"
        verbose_name_plural = "free-text requests"
        ordering = ("id",)
        constraints = (
            known_values(field="status", states=GenericStatus, name="generic_status_known"),
            unique_number("generic_number_once"),
            models.CheckConstraint(
                condition=models.Q(status__in=UNDECIDED, decided_at=None)
                | (~models.Q(status__in=UNDECIDED) & models.Q(decided_at__isnull=False)),
                name="generic_decided_has_time",
            ),
        )
        indexes = (models.Index(fields=["status", "id"], name="generic_by_status"),)

    def __str__(self) -> str:
        """Return the number by which people speak of it."""
        return f"free-text request {self.number}"
