"""The URL under which something can be downloaded."""

import secrets

from django.db import models

from downman.domain.policy import Delivery
from downman.domain.status import LINK_TRANSITIONS, LinkStatus
from downman.models.requests import DownloadRequest
from downman.models.states import StateQuerySet, known_values, to_choices


def new_token() -> str:
    """Make 256 bits that nobody guesses."""
    return secrets.token_urlsafe(32)


class LinkQuerySet(StateQuerySet["DownloadLink"]):
    """Links; `services` moves them."""

    transitions = LINK_TRANSITIONS


class DownloadLink(models.Model):
    """The URL under which a package, or one file, can be downloaded until it expires."""

    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    request = models.ForeignKey(DownloadRequest, on_delete=models.CASCADE, related_name="links")
    delivery = models.CharField(max_length=20, editable=False)
    #: The name that the person's file gets.
    name = models.CharField(max_length=200, editable=False)
    #: A package: relative to the package folder. A file: its `file:///` URL. A redirect: the URL.
    target = models.TextField(editable=False)
    size = models.PositiveBigIntegerField(null=True, editable=False, help_text="Bytes, where known.")
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    status = models.CharField(
        max_length=20, choices=to_choices(LinkStatus), default=LinkStatus.ACTIVE.value, editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    expires_at = models.DateTimeField(editable=False)
    #: When its owner was notified that it expires soon; empty again once it was extended.
    warned_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: Of a sidecar file: the link of its main file, with which it ends.
    main_link = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="sidecar_links", editable=False
    )
    #: When the package was removed from the disk.
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    download_count = models.PositiveIntegerField(default=0, editable=False)
    last_download_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = LinkQuerySet.as_manager()

    class Meta:
        """Oldest first; indexes for those that expire and those whose package is to be deleted."""

        ordering = ("id",)
        constraints = (
            known_values(field="status", states=LinkStatus, name="link_status_known"),
            known_values(field="delivery", states=Delivery, name="link_delivery_known"),
            models.CheckConstraint(
                condition=~models.Q(delivery=Delivery.PACKAGE.value)
                | (models.Q(size__isnull=False) & models.Q(sha256__regex="^[0-9a-f]{64}$")),
                name="link_package_proven",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=LinkStatus.ACTIVE.value) | models.Q(deleted_at=None),
                name="link_active_not_deleted",
            ),
        )
        indexes = (
            # For the metrics of what was made lately.
            models.Index(fields=["created_at"], name="link_made", condition=models.Q(main_link=None)),
            models.Index(
                fields=["expires_at"], name="link_expiring", condition=models.Q(status=LinkStatus.ACTIVE.value)
            ),
            models.Index(
                fields=["expires_at"],
                name="link_to_warn",
                condition=models.Q(status=LinkStatus.ACTIVE.value, warned_at=None),
            ),
            models.Index(
                fields=["size"],
                name="link_stored",
                condition=models.Q(delivery=Delivery.PACKAGE.value, deleted_at=None),
            ),
            models.Index(
                fields=["id"],
                name="link_to_delete",
                condition=models.Q(delivery=Delivery.PACKAGE.value, deleted_at=None)
                & ~models.Q(status=LinkStatus.ACTIVE.value),
            ),
        )

    def __str__(self) -> str:
        """Return the name of what it leads to; the token is a secret."""
        return self.name
