"""The mail outbox."""

import uuid

from django.db import models

from downman.domain.notices import NoticeKind
from downman.domain.status import NOTICE_TRANSITIONS, UNSENT_NOTICES, NoticeStatus
from downman.models.generic import GenericRequest
from downman.models.requests import DownloadRequest
from downman.models.states import StateQuerySet, known_values, to_choices


class NoticeQuerySet(StateQuerySet["Notice"]):
    """Notices; `services.notices` moves them."""

    transitions = NOTICE_TRANSITIONS


class Notice(models.Model):
    """One mail owed to one person for one fact."""

    #: Makes the Message-ID, the same at every try, so that a mail sent twice is seen as one.
    message_key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    #: What it is about: an order, or a generic request.
    request = models.ForeignKey(
        DownloadRequest, on_delete=models.CASCADE, null=True, blank=True, related_name="notices", editable=False
    )
    generic_request = models.ForeignKey(
        GenericRequest, on_delete=models.CASCADE, null=True, blank=True, related_name="notices", editable=False
    )
    kind = models.CharField(max_length=30, choices=to_choices(NoticeKind), editable=False)
    #: Tells apart two facts of one kind: the number of the run that made it true.
    fact = models.CharField(max_length=100, editable=False)
    recipient = models.EmailField(editable=False)
    language = models.CharField(max_length=20, editable=False)
    status = models.CharField(
        max_length=20, choices=to_choices(NoticeStatus), default=NoticeStatus.PENDING.value, editable=False
    )
    attempts = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    #: Before this it is not tried; a run that takes it moves this on, so that no other run sends it too.
    due_at = models.DateTimeField(editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        """Oldest first; one mail for one fact."""

        ordering = ("id",)
        constraints = (
            known_values(field="status", states=NoticeStatus, name="notice_status_known"),
            known_values(field="kind", states=NoticeKind, name="notice_kind_known"),
            models.CheckConstraint(
                condition=models.Q(request=None, generic_request__isnull=False)
                | models.Q(request__isnull=False, generic_request=None),
                name="notice_about_one",
            ),
            models.UniqueConstraint(
                fields=["request", "generic_request", "kind", "fact", "recipient"],
                nulls_distinct=False,
                name="notice_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=NoticeStatus.SENT.value) | models.Q(sent_at__isnull=False),
                name="notice_sent_has_time",
            ),
        )
        indexes = (
            # For the metrics, and the doctor, of what was given up lately.
            models.Index(
                fields=["updated_at"],
                name="notice_failed",
                condition=models.Q(status=NoticeStatus.FAILED.value),
            ),
            models.Index(
                fields=["due_at"],
                name="notice_due",
                condition=models.Q(status__in=sorted(state.value for state in UNSENT_NOTICES)),
            ),
        )

    def __str__(self) -> str:
        """Return the kind and what it is about; the e-mail address is personal."""
        return f"{self.kind} for {self.request or self.generic_request}"
