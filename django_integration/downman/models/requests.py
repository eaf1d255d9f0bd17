"""One order."""

import uuid

from django.conf import settings
from django.db import models

from downman.domain.status import ENDED_REQUESTS, OPEN_REQUESTS, REQUEST_TRANSITIONS, RequestStatus
from downman.models.numbers import number_field, unique_number
from downman.models.states import StateQuerySet, known_values, to_choices


class RequestQuerySet(StateQuerySet["DownloadRequest"]):
    """Orders; `services.transitions` moves them."""

    transitions = REQUEST_TRANSITIONS


class DownloadRequest(models.Model):
    """One order: who, in what language, which resources.

    `id` is for logs and flow parameters; `public_id` cannot be guessed and lets its bearer see the order, so it stays
    out of both; `number` is what people read to each other, and opens nothing.
    """

    number = number_field()
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField()
    #: False: nothing is fetched, and only the mail with the link is sent, until the address is confirmed.
    address_verified = models.BooleanField(default=True, db_default=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    language = models.CharField(max_length=20)
    raw_order = models.JSONField(help_text="What was asked for, as it came.")
    status = models.CharField(
        max_length=20, choices=to_choices(RequestStatus), default=RequestStatus.QUEUED.value, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    #: When it was cancelled as a whole.
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: The number of the run that is to come, or is at work; part of the trigger's idempotency key.
    attempt = models.PositiveIntegerField(default=0, editable=False)
    #: When that run should start; empty when there is nothing left to do.
    due_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: The Prefect flow run that was asked for, where the asking worked.
    run_id = models.UUIDField(null=True, blank=True, editable=False)
    lease_owner = models.CharField(max_length=100, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    #: Bytes on the disks that are kept for the worker that holds the lease.
    reserved_bytes = models.PositiveBigIntegerField(default=0, editable=False)

    objects = RequestQuerySet.as_manager()

    class Meta:
        """Newest last; indexes for the queue, the recovery and a person's own list."""

        verbose_name = "order"
        verbose_name_plural = "orders"
        ordering = ("id",)
        constraints = (
            known_values(field="status", states=RequestStatus, name="request_status_known"),
            unique_number("request_number_once"),
            models.CheckConstraint(
                condition=~models.Q(status=RequestStatus.UNVERIFIED.value) | models.Q(address_verified=False),
                name="request_unverified_waits",
            ),
            models.CheckConstraint(
                condition=models.Q(lease_owner="", lease_until=None)
                | (~models.Q(lease_owner="") & models.Q(lease_until__isnull=False)),
                name="request_lease_whole",
            ),
        )
        indexes = (
            models.Index(fields=["status", "id"], name="request_by_status"),
            models.Index(
                fields=["due_at"],
                name="request_due",
                condition=models.Q(status__in=sorted(state.value for state in OPEN_REQUESTS)),
            ),
            models.Index(fields=["lease_until"], name="request_leased", condition=models.Q(lease_until__isnull=False)),
            models.Index(fields=["email", "id"], name="request_by_email"),
            models.Index(
                fields=["updated_at"],
                name="request_ended",
                condition=models.Q(status__in=sorted(state.value for state in ENDED_REQUESTS)),
            ),
        )

    def __str__(self) -> str:
        """Return the number by which people speak of it."""
        return f"order {self.number}"
