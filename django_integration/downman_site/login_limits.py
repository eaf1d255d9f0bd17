"""Who guesses passwords is stopped: django-axes counts failed log-ins, per account and network, and per network.

Never per account alone: anybody could then lock administrators out. What is counted lies in the database, so that all
processes of the site know of it; it is forgotten after a while, or by `manage.py axes_reset_username NAME`.
"""

import ipaddress
import logging
from http import HTTPStatus
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from axes.signals import user_locked_out
from django.conf import settings
from django.db.models import Sum
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from downman.client_address import get_client_address

logger = logging.getLogger(__name__)

#: So many times as many from one network are too many as well, whatever the accounts: an institute has one address.
PER_NETWORK = 10
#: A home or an office has a /64 of IPv6 at least (RFC 6177).
_IPV6_PREFIX = 64


class Handler(AxesDatabaseHandler):  # type: ignore[misc]  # django-axes has no types
    """Counts the failures of a network over all accounts too, a tenth as strictly."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return what is compared with the limit."""
        recent = AccessAttempt.objects.filter(
            ip_address=client_network(request), attempt_time__gte=get_cool_off_threshold(request)
        )
        of_network: int = recent.aggregate(sum=Sum("failures_since_start"))["sum"] or 0
        of_account: int = super().get_failures(request, credentials)
        return max(of_account, of_network // PER_NETWORK)


def client_network(request: HttpRequest) -> str:
    """Return the first address of the client's network: itself, or that of its /64."""
    address = ipaddress.ip_address(get_client_address(request) or "0.0.0.0")  # noqa: S104 - where it is not known
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False).network_address)
    return str(address)


def refuse(
    request: HttpRequest, _response: HttpResponse | None = None, _credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """Answer somebody who has failed too often, with when to try again."""
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {"minutes": seconds // 60}
    page = render(request, "demo/too_many_logins.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    page["Retry-After"] = str(seconds)
    page["Cache-Control"] = "no-store"
    return page


@receiver(user_locked_out)
def _tell(username: str, ip_address: str, **_kwargs: Any) -> None:
    said = "Log-ins as %.100r from %s are refused for %s after too many failures."
    logger.warning(said, username, ip_address, settings.AXES_COOLOFF_TIME)
