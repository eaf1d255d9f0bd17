"""Orders for tests, placed by the real service."""

from typing import Any

from django_integration.domain.request import Order, OrderLine
from django_integration.downloads.models import DownloadRequest
from django_integration.downloads.services.ordering import place_request

EMAIL = "ana@example.org"


def order(*resources: str | OrderLine, email: str = EMAIL, language: str = "en", **options: Any) -> DownloadRequest:
    """Place an order of these resources."""
    lines = tuple(OrderLine(resource=item) if isinstance(item, str) else item for item in resources)
    return place_request(Order(email=email, language=language, lines=lines), raw_order={"test": True}, **options)
