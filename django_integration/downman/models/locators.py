"""One resource of an order."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from downman.domain.status import LOCATOR_TRANSITIONS, SETTLED_LOCATORS, Approval, LocatorStatus
from downman.models.catalogue import Resource
from downman.models.links import DownloadLink
from downman.models.requests import DownloadRequest
from downman.models.states import StateQuerySet, known_values, to_choices


class LocatorQuerySet(StateQuerySet["ResourceLocator"]):
    """Locators; `services.transitions` moves them."""

    transitions = LOCATOR_TRANSITIONS


class ResourceLocator(models.Model):
    """One resource of a request with its parameters and its own state."""

    request = models.ForeignKey(DownloadRequest, on_delete=models.CASCADE, related_name="locators")
    #: Place in the order, from 0.
    position = models.PositiveIntegerField()
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="locators")
    format = models.CharField(max_length=50, blank=True)
    bbox = models.JSONField(null=True, blank=True, help_text="[minx, miny, maxx, maxy] in `crs`.")
    crs = models.CharField(max_length=50, blank=True)
    status = models.CharField(
        max_length=20, choices=to_choices(LocatorStatus), default=LocatorStatus.QUEUED.value, editable=False
    )
    approval = models.CharField(
        max_length=20, choices=to_choices(Approval), default=Approval.NOT_REQUIRED.value, editable=False
    )
    #: `DownmanError.code` of the last failure and its details; put into words when shown.
    error_code = models.CharField(max_length=50, blank=True, editable=False)
    error_details = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder, editable=False)
    #: Runs that began to fetch it.
    attempts = models.PositiveIntegerField(default=0, editable=False)
    #: Runs in which its source failed; the delay until the next try depends on it.
    failures = models.PositiveIntegerField(default=0, editable=False)
    #: What an administrator wrote to the requester when deciding on it.
    decision_note = models.CharField(max_length=500, blank=True, editable=False)
    first_failed_at = models.DateTimeField(null=True, blank=True, editable=False)
    retry_at = models.DateTimeField(null=True, blank=True, editable=False)
    bytes_done = models.PositiveBigIntegerField(default=0, editable=False)
    bytes_total = models.PositiveBigIntegerField(null=True, blank=True, editable=False)
    link = models.ForeignKey(
        DownloadLink, on_delete=models.RESTRICT, null=True, blank=True, related_name="locators", editable=False
    )
    #: Whether it was delivered although nothing proves that its files are complete.
    unproven = models.BooleanField(default=False, db_default=False, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = LocatorQuerySet.as_manager()

    class Meta:
        """In the order of the request."""

        verbose_name = "part"
        verbose_name_plural = "parts"
        ordering = ("request_id", "position")
        constraints = (
            known_values(field="status", states=LocatorStatus, name="locator_status_known"),
            known_values(field="approval", states=Approval, name="locator_approval_known"),
            models.CheckConstraint(
                condition=models.Q(
                    approval=Approval.PENDING.value,
                    status__in=[LocatorStatus.AWAITING_APPROVAL.value, LocatorStatus.CANCELLED.value],
                )
                | ~(models.Q(approval=Approval.PENDING.value) | models.Q(status=LocatorStatus.AWAITING_APPROVAL.value)),
                name="locator_awaiting_is_pending",
            ),
            models.UniqueConstraint(fields=["request", "position"], name="locator_position_once"),
            models.CheckConstraint(
                condition=~models.Q(status=LocatorStatus.DELIVERED.value) | models.Q(link__isnull=False),
                name="locator_delivered_has_link",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=LocatorStatus.FAILED.value) | ~models.Q(error_code=""),
                name="locator_failed_has_error",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=LocatorStatus.RETRYING.value) | models.Q(retry_at__isnull=False),
                name="locator_retrying_has_time",
            ),
        )
        indexes = (
            # For the metrics of what failed lately.
            models.Index(
                fields=["updated_at"],
                name="locator_failed",
                condition=models.Q(status=LocatorStatus.FAILED.value),
            ),
            # For the packages that are still needed though their link has ended, and for what waits for a decision.
            models.Index(
                fields=["link"],
                name="locator_unsettled",
                condition=~models.Q(status__in=sorted(state.value for state in SETTLED_LOCATORS)),
            ),
        )

    def __str__(self) -> str:
        """Return what it is a part of."""
        return f"part {self.position + 1} of {self.request}"
