"""What is behind a link, and counting who takes it."""

from django.db.models import F
from django.utils import timezone

from downman.domain.status import LinkStatus
from downman.models import DownloadLink


def find_link(token: str) -> DownloadLink | None:
    """Return the link with this token, and its order; None for whatever else stands in a URL."""
    if "\0" in token:  # PostgreSQL stores no such text, and psycopg2 refuses to send it
        return None
    return DownloadLink.objects.select_related("request").filter(token=token).first()


def status_now(link: DownloadLink) -> LinkStatus:
    """Return the link's state at this moment: its time may be over before the cleaning has come by."""
    if link.status == LinkStatus.ACTIVE and link.expires_at <= timezone.now():
        return LinkStatus.EXPIRED
    return LinkStatus(link.status)


def count_download(link: DownloadLink) -> None:
    """Count one download."""
    DownloadLink.objects.filter(pk=link.pk).update(
        download_count=F("download_count") + 1, last_download_at=timezone.now()
    )
