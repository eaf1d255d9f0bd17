"""Rules that an administrator changes while the portal runs."""

from typing import Any

from django.core.validators import MinValueValidator, validate_email
from django.db import models

from downman.domain.policy import PackagingMode
from downman.models.states import to_choices


def validate_addresses(text: str) -> None:
    """Refuse a line that is no e-mail address."""
    for address in text.split():
        validate_email(address)


class PolicyRecord(models.Model):
    """The one row of rules set by an administrator; an empty field means the site's setting."""

    behaviour = models.CharField(max_length=20, choices=to_choices(PackagingMode), blank=True)
    cart_limit = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    validity_days = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    max_public_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    administrators = models.TextField(
        blank=True,
        validators=[validate_addresses],
        help_text="Addresses of those who are told what waits for a decision, one on each line.",
    )

    class Meta:
        """Exactly one row."""

        verbose_name = "download policy"
        verbose_name_plural = "download policy"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="policy_one_row"),)

    def __str__(self) -> str:
        """Name it."""
        return "download policy"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep to the one row."""
        self.pk = 1
        super().save(*args, **kwargs)
