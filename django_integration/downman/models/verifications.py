"""Asking whether an e-mail address is that of the person who wrote it."""

import secrets

from django.conf import settings
from django.db import models

from downman.models.generic import GenericRequest
from downman.models.requests import DownloadRequest


def new_token() -> str:
    """Return a secret that cannot be guessed: 256 bits."""
    return secrets.token_urlsafe(32)


class AddressVerification(models.Model):
    """A link that was sent to one address; who opens it and says yes reads the mail that goes there."""

    #: Opens the confirmation alone, and not the order.
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    email = models.EmailField(editable=False)
    #: For whom it need not be asked again for a while.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+", editable=False
    )
    request = models.ForeignKey(
        DownloadRequest, on_delete=models.CASCADE, null=True, related_name="verifications", editable=False
    )
    generic_request = models.ForeignKey(
        GenericRequest, on_delete=models.CASCADE, null=True, related_name="verifications", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        """Oldest first."""

        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(request=None, generic_request__isnull=False)
                | models.Q(request__isnull=False, generic_request=None),
                name="verification_about_one",
            ),
        )

    def __str__(self) -> str:
        """Return what it is about; the address is personal, and the token a secret."""
        return f"verification for {self.request or self.generic_request}"
