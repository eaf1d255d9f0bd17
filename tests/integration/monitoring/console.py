"""`manage.py downman` as it is typed, and orders in each of their states."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from downman.domain.errors import DownmanError, SourceMissing, TransferInterrupted
from downman.domain.policy import Delivery
from downman.domain.status import RequestStatus
from downman.models import DownloadLink, DownloadRequest, Resource
from downman.services import approvals, cancelling, leases, outcome, retention
from downman.services.leases import Claim
from downman.services.outcome import NewLink
from tests.integration.orders import order

PLENTY = 10**15
BROKE = TransferInterrupted(received=1, expected=2, reason="reset")
MISSING = SourceMissing(reason="HTTP 404")


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def downman(*words: Any) -> Said:
    """Type a command."""
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("downman", *(str(word) for word in words), stdout=out, stderr=err)
    return Said(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def claimed(request: DownloadRequest) -> Claim:
    """Let a worker take an order."""
    claim = leases.claim(request.pk, owner="run", free_bytes=PLENTY)
    assert isinstance(claim, Claim)
    return claim


def packaged(request: DownloadRequest, *, failures: Mapping[int, DownmanError]) -> None:
    """Let a run deliver an order, but for the parts that failed, by their positions."""
    claim = claimed(request)
    delivered = tuple(part.locator_id for part in claim.parts if part.position not in failures)
    made = NewLink(
        delivery=Delivery.PACKAGE, name="download.zip", target=f"{request.pk}/{claim.attempt}/download.zip",
        size=1000, sha256="ab" * 32, locator_ids=delivered,
    )  # fmt: skip
    outcome.record(
        claim,
        links=[made] if delivered else [],
        failures={part.locator_id: failures[part.position] for part in claim.parts if part.position in failures},
        sizes=dict.fromkeys(delivered, 1000),
    )


def _unverified() -> DownloadRequest:
    with override_settings(DOWNLOADS_VERIFY_EMAIL="always"):
        return order("dem", "roads")


def _restricted() -> DownloadRequest:
    secret, _ = Resource.objects.get_or_create(
        id="secret", defaults={"title": "S", "source": "http", "url": "http://127.0.0.1/s", "restricted": True}
    )
    return order(secret.pk)


def _packaging() -> DownloadRequest:
    request = order("dem", "roads")
    claimed(request)
    return request


def _ordered(*failures: DownmanError | None) -> DownloadRequest:
    request = order("dem", "roads")
    packaged(request, failures={place: failure for place, failure in enumerate(failures) if failure})
    return request


def _rejected() -> DownloadRequest:
    request = _restricted()
    approvals.reject(request.locators.get().pk, actor="root")
    return request


def _cancelled() -> DownloadRequest:
    request = order("dem")
    cancelling.cancel_request(request.pk, actor="requester")
    return request


def _expired() -> DownloadRequest:
    request = _ordered()
    DownloadLink.objects.filter(request=request).update(expires_at=timezone.now() - timedelta(hours=1))
    retention.clean_expired()
    return request


STATES: Mapping[RequestStatus, Callable[[], DownloadRequest]] = {
    RequestStatus.UNVERIFIED: _unverified,
    RequestStatus.AWAITING_APPROVAL: _restricted,
    RequestStatus.QUEUED: lambda: order("dem", "roads"),
    RequestStatus.PACKAGING: _packaging,
    RequestStatus.PARTLY_READY: lambda: _ordered(None, BROKE),
    RequestStatus.READY: _ordered,
    RequestStatus.READY_WITH_ERRORS: lambda: _ordered(None, MISSING),
    RequestStatus.FAILED: lambda: _ordered(MISSING, MISSING),
    RequestStatus.REJECTED: _rejected,
    RequestStatus.CANCELLED: _cancelled,
    RequestStatus.EXPIRED: _expired,
}


def order_in(status: RequestStatus) -> DownloadRequest:
    """Return an order of `dem` and `roads`, brought into a state as its life does it."""
    request = STATES[status]()
    request.refresh_from_db()
    assert request.status == status
    return request


def retrying() -> DownloadRequest:
    """Return a queued order of which every part waits for a later run."""
    request = _ordered(BROKE, BROKE)
    request.refresh_from_db()
    assert request.status == RequestStatus.QUEUED
    return request
