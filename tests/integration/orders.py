"""Orders for tests, placed by the real service."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from downman.domain.request import FreeTextRequest, Order, OrderLine
from downman.domain.status import LinkStatus
from downman.models import DownloadLink, DownloadRequest, GenericRequest
from downman.services.generic import register
from downman.services.ordering import place_request
from downman.services.transitions import lock_order

EMAIL = "ana@example.org"


def order(*resources: str | OrderLine, email: str = EMAIL, language: str = "en", **options: Any) -> DownloadRequest:
    """Place an order of these resources."""
    lines = tuple(OrderLine(resource=item) if isinstance(item, str) else item for item in resources)
    return place_request(Order(email=email, language=language, lines=lines), raw_order={"test": True}, **options)


def link_to(
    request: DownloadRequest, *, days: int = 7, age_days: int = 0, status: LinkStatus = LinkStatus.ACTIVE
) -> DownloadLink:
    """Make a link of an order, to a package that nobody has made."""
    link = DownloadLink.objects.create(
        request=request, delivery="package", name="download.zip", target=f"{request.pk}/1/download.zip", size=12_345,
        sha256="ab" * 32, expires_at=timezone.now() + timedelta(days=days), status=status,
    )  # fmt: skip
    DownloadLink.objects.filter(pk=link.pk).update(created_at=timezone.now() - timedelta(days=age_days))
    return link


def delivered(*resources: str, days: int = 7, age_days: int = 0) -> DownloadRequest:
    """Return an order of which everything is in one package, as a run leaves it."""
    request = order(*resources)
    link = link_to(request, days=days, age_days=age_days)
    request.locators.update(status="delivered", link=link)
    DownloadRequest.objects.filter(pk=request.pk).update(status="packaging", due_at=None)
    with lock_order(request.pk, actor="test") as change:
        change.recompute_status(delivered=True)
    return change.request


def wish(description: str = "Soil maps of <Jaén> & around", **facts: Any) -> GenericRequest:
    """Make a generic request."""
    return register(FreeTextRequest(email=EMAIL, description=description, language="en", **facts))
