"""What counts against a limit of so many in a time."""

from django.db import models


class LimitUse(models.Model):
    """One order or free-text request that counts: of whom, and when.

    The key is made with the site's secret from a client network or a person, neither of which can be read from it. A
    row is deleted once its window is over.
    """

    key = models.BigIntegerField(editable=False)
    used_at = models.DateTimeField(editable=False)

    class Meta:
        """Found by whom, and by when."""

        ordering = ("id",)
        indexes = (
            models.Index(fields=["key", "used_at"], name="limit_use_by_key"),
            models.Index(fields=["used_at"], name="limit_use_by_time"),
        )

    def __str__(self) -> str:
        """Return when it was; of whom it was is not to be known."""
        return f"used at {self.used_at:%Y-%m-%d %H:%M:%S}"
