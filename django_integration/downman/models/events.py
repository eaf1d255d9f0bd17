"""What happened to an order, for people; nothing reads it to decide."""

from django.db import models

from downman.models.locators import ResourceLocator
from downman.models.requests import DownloadRequest


class RequestEvent(models.Model):
    """One change of state of a request, or of one of its locators."""

    request = models.ForeignKey(DownloadRequest, on_delete=models.CASCADE, related_name="events")
    locator = models.ForeignKey(ResourceLocator, on_delete=models.CASCADE, null=True, related_name="events")
    from_status = models.CharField(max_length=20, blank=True)
    to_status = models.CharField(max_length=20)
    at = models.DateTimeField(auto_now_add=True)
    reason = models.CharField(max_length=300, blank=True)
    #: `requester`, an administrator's user name, or the name of the job.
    actor = models.CharField(max_length=150, blank=True)

    class Meta:
        """Oldest first."""

        ordering = ("id",)

    def __str__(self) -> str:
        """Return the change."""
        return f"{self.from_status or '-'} -> {self.to_status}"
