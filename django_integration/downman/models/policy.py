"""Rules that an administrator changes while the portal runs."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models

from downman.domain.policy import PackagingMode
from downman.email_addresses import InvalidEmailAddress, normalize_email
from downman.models.states import to_choices


def validate_addresses(text: str) -> None:
    """Refuse a line that is no e-mail address; those of administrators may be on the site's own network."""
    for address in text.split():
        try:
            normalize_email(address, any_domain=True)
        except InvalidEmailAddress as exc:
            raise ValidationError("Write one e-mail address on each line, like name@example.org.") from exc


def _limit(*, least: int = 0) -> "models.PositiveBigIntegerField[Any, Any]":
    return models.PositiveBigIntegerField(null=True, blank=True, validators=[MinValueValidator(least)])


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
    #: The limits (`domain.limits.Limits`); 0 is no limit.
    limit_window_seconds = _limit(least=1)
    limit_orders_per_network = _limit()
    limit_orders_per_person = _limit()
    limit_open_orders = _limit()
    limit_bytes_under_way = _limit()
    limit_bytes_kept = _limit()
    limit_mails_per_day = _limit()
    limit_ipv4_prefix = _limit(least=1)
    limit_ipv6_prefix = _limit(least=1)

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
