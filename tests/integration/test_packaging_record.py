import os
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from downman.domain.errors import ExtensionRefused, LeaseLost, NoSpace, SourceMissing, TransferInterrupted
from downman.domain.policy import Delivery
from downman.domain.request import FreeTextRequest
from downman.domain.status import GenericStatus, LocatorStatus
from downman.models import DownloadLink, DownloadRequest, GenericRequest, Notice, Resource, ResourceLocator
from downman.services import (
    cancelling,
    extending,
    generic,
    leases,
    orphans,
    outcome,
    recovery,
    retention,
    tracking,
)
from downman.services.outcome import NewLink
from downman.settings import app_settings
from tests.integration.orders import order

pytestmark = pytest.mark.django_db
PLENTY = 10**15


def made(*locator_ids: int, target: str = "1/1/a.zip") -> NewLink:
    return NewLink(
        delivery=Delivery.PACKAGE, name="a.zip", target=target, size=10, sha256="0" * 64, locator_ids=locator_ids
    )


def statuses(request: DownloadRequest) -> tuple[str, list[str]]:
    request.refresh_from_db()
    return request.status, [row.status for row in request.locators.all()]


def claimed(request: DownloadRequest, owner: str = "run-1") -> leases.Claim:
    claim = leases.claim(request.pk, owner=owner, free_bytes=PLENTY)
    assert isinstance(claim, leases.Claim)
    return claim


def kinds() -> list[str]:
    return list(Notice.objects.exclude(kind="received").values_list("kind", flat=True))


def test_a_claim_is_held_by_one_run_only(resource: Resource) -> None:
    request = order("dem")
    claim = claimed(request)
    assert [part.request.url for part in claim.parts] == [resource.url]
    assert statuses(request) == ("packaging", ["fetching"])
    assert leases.claim(request.pk, owner="run-2", free_bytes=PLENTY) is None
    assert claimed(request, owner="run-1").parts[0].locator_id == claim.parts[0].locator_id


def test_everything_delivered_is_ready_with_one_mail(resource: Resource, roads: Resource) -> None:
    request = order("dem", "roads")
    claim = claimed(request)
    one, two = (part.locator_id for part in claim.parts)
    status = outcome.record(claim, links=[made(one, two)], failures={}, sizes={one: 4, two: 6})
    assert status == "ready"
    assert statuses(request) == ("ready", ["delivered", "delivered"])
    assert kinds() == ["ready"]
    assert request.due_at is None
    assert not request.lease_owner
    link = DownloadLink.objects.get()
    assert timedelta(days=6, hours=23) < link.expires_at - timezone.now() <= timedelta(days=7)
    assert leases.claim(request.pk, owner="run-2", free_bytes=PLENTY) is None


def test_what_fails_for_good_is_said_and_the_rest_is_delivered(resource: Resource, roads: Resource) -> None:
    request = order("dem", "roads")
    claim = claimed(request)
    one, two = (part.locator_id for part in claim.parts)
    outcome.record(claim, links=[made(one)], failures={two: SourceMissing(reason="HTTP 404")}, sizes={})
    assert statuses(request) == ("ready_with_errors", ["delivered", "failed"])
    row = ResourceLocator.objects.get(pk=two)
    assert (row.error_code, row.error_details) == ("source-missing", {"reason": "HTTP 404"})
    assert kinds() == ["ready_with_errors"]


def test_a_passing_failure_is_planned_as_a_later_run_with_growing_delays(resource: Resource) -> None:
    request = order("dem")
    for number, minutes in enumerate([5, 60, 360, 720, 1440, 1440], start=1):
        claim = claimed(request, owner=f"run-{number}")
        part = claim.parts[0].locator_id
        outcome.record(
            claim, links=(), failures={part: TransferInterrupted(received=1, expected=2, reason="x")}, sizes={}
        )
        request.refresh_from_db()
        row = ResourceLocator.objects.get()
        assert (request.status, row.status, row.attempts, request.attempt) == ("queued", "retrying", number, number + 1)
        assert row.retry_at is not None
        delay = (row.retry_at - timezone.now()) / timedelta(minutes=1)
        assert minutes - 1 < delay <= minutes * 1.1
        assert request.due_at == row.retry_at
        assert leases.claim(request.pk, owner="too-early", free_bytes=PLENTY) is None
        ResourceLocator.objects.update(retry_at=timezone.now())
    assert kinds() == []


def test_after_six_days_it_is_given_up_and_said(resource: Resource) -> None:
    request = order("dem")
    ResourceLocator.objects.update(first_failed_at=timezone.now() - timedelta(days=5, hours=23))
    claim = claimed(request)
    part = claim.parts[0].locator_id
    outcome.record(claim, links=(), failures={part: TransferInterrupted(received=1, expected=2, reason="x")}, sizes={})
    assert statuses(request) == ("queued", ["retrying"])
    ResourceLocator.objects.update(first_failed_at=timezone.now() - timedelta(days=6), retry_at=timezone.now())
    claim = claimed(request, owner="run-2")
    outcome.record(claim, links=(), failures={part: TransferInterrupted(received=1, expected=2, reason="x")}, sizes={})
    assert statuses(request) == ("failed", ["failed"])
    assert ResourceLocator.objects.get().error_code == "retries-exhausted"
    assert kinds() == ["failed"]


def test_a_full_disk_waits_a_minute_for_ever(resource: Resource) -> None:
    request = order("dem")
    ResourceLocator.objects.update(first_failed_at=timezone.now() - timedelta(days=30))
    claim = claimed(request)
    outcome.record(claim, links=(), failures={claim.parts[0].locator_id: NoSpace()}, sizes={})
    assert statuses(request) == ("queued", ["waiting_for_space"])
    row = ResourceLocator.objects.get()
    assert row.retry_at is not None
    assert row.retry_at - timezone.now() <= timedelta(seconds=60)


def test_too_large_for_the_public_waits_for_an_administrator_and_the_rest_is_delivered(
    resource: Resource, roads: Resource
) -> None:
    request = order("dem", "roads")
    claim = claimed(request)
    one, two = (part.locator_id for part in claim.parts)
    outcome.record(claim, links=[made(one)], failures={two: outcome.NeedsApproval(size=10**9)}, sizes={})
    assert statuses(request) == ("partly_ready", ["delivered", "awaiting_approval"])
    assert kinds() == ["progress"]


def test_a_run_that_lost_its_lease_records_nothing(resource: Resource) -> None:
    request = order("dem")
    claim = claimed(request)
    DownloadRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert recovery.recover_stalled().lost == (request.pk,)
    assert statuses(request) == ("queued", ["queued"])
    with pytest.raises(LeaseLost):
        leases.renew_lease(claim, {})
    with pytest.raises(LeaseLost):
        outcome.record(claim, links=[made(claim.parts[0].locator_id)], failures={}, sizes={})
    assert not DownloadLink.objects.exists()
    assert claimed(request, owner="run-2").attempt == 2


def test_a_run_whose_order_is_forgotten_meanwhile_has_lost_its_lease(resource: Resource) -> None:
    request = order("dem")
    claim = claimed(request)
    cancelling.cancel_request(request.pk, actor="requester")
    DownloadRequest.objects.update(updated_at=timezone.now() - timedelta(days=app_settings().keep_requests_days + 1))
    assert retention.clean_expired().forgotten == 1
    with pytest.raises(LeaseLost):
        outcome.record(claim, links=(), failures={}, sizes={})
    assert not leases.release(request.pk, owner="run-1", reason="its worker was lost")


@pytest.mark.parametrize("statement", [1, 2])
def test_an_order_is_told_with_its_parts_as_of_one_moment(resource: Resource, statement: int) -> None:
    request = order("dem")
    claim = claimed(request)
    failures = {claim.parts[0].locator_id: TransferInterrupted(reason="status 503")}
    said = []

    def a_run_ends_after(execute: Callable[..., Any], *statement_and_context: Any) -> Any:
        answer = execute(*statement_and_context)
        said.append(answer)
        if len(said) == statement:
            outcome.record(claim, links=(), failures=failures, sizes={})
        return answer

    with connection.execute_wrapper(a_run_ends_after):
        told = tracking.track(tracking.find_request(request.public_id))
    assert len(said) > statement
    one_moment = [("packaging", ["fetching"]), ("queued", ["retrying"])]
    assert (told.status, [part.status for part in told.resources]) in one_moment


def test_a_part_cancelled_in_the_last_moment_is_not_delivered(resource: Resource, roads: Resource) -> None:
    request = order("dem", "roads")
    claim = claimed(request)
    one, two = (part.locator_id for part in claim.parts)
    ResourceLocator.objects.filter(pk=two).move_to(LocatorStatus.CANCELLED)
    assert outcome.record(claim, links=[made(one, two)], failures={}, sizes={}) is None
    assert not DownloadLink.objects.exists()
    assert leases.renew_lease(claim, {}) == {two}
    assert outcome.record(claim, links=[made(one)], failures={}, sizes={}) == "ready"


def test_a_cancelled_request_stops_its_run_and_ends_its_links(resource: Resource, roads: Resource) -> None:
    request = order("dem")
    claim = claimed(request)
    cancelling.cancel_request(request.pk, actor="requester")
    assert statuses(request) == ("cancelled", ["cancelled"])
    assert leases.renew_lease(claim, {}) == {claim.parts[0].locator_id}
    outcome.record(claim, links=(), failures={}, sizes={})
    assert statuses(request) == ("cancelled", ["cancelled"])

    ready = order("roads")
    claim = claimed(ready)
    outcome.record(claim, links=[made(claim.parts[0].locator_id)], failures={}, sizes={})
    cancelling.cancel_request(ready.pk, actor="requester")
    assert statuses(ready) == ("cancelled", ["cancelled"])
    assert DownloadLink.objects.get().status == "cancelled_by_user"
    assert cancelling.cancel_request(ready.pk, actor="requester") == "cancelled"


def test_a_link_expires_and_its_package_is_deleted(resource: Resource) -> None:
    request = order("dem")
    claim = claimed(request)
    outcome.record(claim, links=[made(claim.parts[0].locator_id)], failures={}, sizes={})
    package = app_settings().package_dir / "1/1/a.zip"
    package.parent.mkdir(parents=True)
    package.write_bytes(b"0123456789")
    assert retention.clean_expired() == retention.CleanupResult()

    DownloadLink.objects.update(expires_at=timezone.now())
    assert retention.clean_expired() == retention.CleanupResult(expired=1, deleted=1, freed_bytes=10)
    assert statuses(request) == ("expired", ["delivered"])
    assert list(app_settings().package_dir.iterdir()) == []


def test_what_ended_long_ago_is_forgotten_with_its_address(resource: Resource, settings: Any) -> None:
    old, young = order("dem"), order("dem")
    for request in (old, young):
        cancelling.cancel_request(request.pk, actor="requester")
    wishes = [generic.register(FreeTextRequest(email="ana@example.org", description="a map")) for _ in range(3)]
    for wish in wishes[:2]:
        generic.decide(wish.pk, GenericStatus.REJECTED, actor="admin", answer="no")
    long_ago = timezone.now() - timedelta(days=366)
    DownloadRequest.objects.filter(pk=old.pk).update(updated_at=long_ago)
    GenericRequest.objects.filter(pk=wishes[0].pk).update(decided_at=long_ago)
    settings.DOWNLOADS_KEEP_REQUESTS_DAYS = 0
    assert retention.clean_expired().forgotten == 0
    settings.DOWNLOADS_KEEP_REQUESTS_DAYS = 365
    assert retention.clean_expired().forgotten == 2
    assert list(DownloadRequest.objects.all()) == [young]
    assert list(GenericRequest.objects.all()) == wishes[1:]
    assert not Notice.objects.filter(request_id=old.pk).exists()


def test_the_owner_is_warned_once_before_a_link_ends_and_again_after_keeping_it_longer(resource: Resource) -> None:
    request = order("dem")
    claim = claimed(request)
    outcome.record(claim, links=[made(claim.parts[0].locator_id)], failures={}, sizes={})
    DownloadLink.objects.update(expires_at=timezone.now() + timedelta(hours=40))
    assert retention.clean_expired() == retention.CleanupResult(warned=1)
    assert retention.clean_expired() == retention.CleanupResult()
    until = extending.extend(request.pk, actor="requester")
    assert until - timezone.now() > timedelta(days=6, hours=23)
    with pytest.raises(ExtensionRefused):
        extending.extend(request.pk, actor="requester")
    DownloadLink.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert retention.clean_expired() == retention.CleanupResult(warned=1)
    assert kinds() == ["ready", "expiring", "expiring"]
    DownloadLink.objects.update(created_at=timezone.now() - timedelta(days=30))
    with pytest.raises(ExtensionRefused):
        extending.extend(request.pk, actor="requester")


def make_old() -> None:
    """Date everything in the package and the staging folder before the time at which it is an orphan."""
    before = time.time() - app_settings().orphan_after_seconds - 60
    for folder in (app_settings().package_dir, app_settings().staging_dir):
        for path in folder.rglob("*"):
            os.utime(path, (before, before))


def test_files_that_nobody_owns_are_swept_after_their_time(resource: Resource) -> None:
    request = order("dem")
    claim = claimed(request)
    outcome.record(
        claim, links=[made(claim.parts[0].locator_id, target=f"{request.pk:010d}/0001/a.zip")], failures={}, sizes={}
    )
    owned, stray, lost = (
        app_settings().package_dir / name
        for name in (f"{request.pk:010d}/0001/a.zip", "stray.zip", "0000009999/0001/.lost.zip.partial")
    )
    for file in (owned, stray, lost):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    (app_settings().staging_dir / str(request.pk) / "1").mkdir(parents=True)
    assert orphans.sweep_orphans() == orphans.SweepResult(packages=0, stagings=0, freed_bytes=0)

    make_old()
    assert orphans.sweep_orphans() == orphans.SweepResult(packages=2, stagings=1, freed_bytes=2)
    assert [path for path in app_settings().package_dir.rglob("*") if path.is_file()] == [owned]
    assert list(app_settings().staging_dir.iterdir()) == []


def test_what_a_live_run_writes_is_left_alone(resource: Resource) -> None:
    request = order("dem")
    claimed(request)
    folder = app_settings().staging_dir / str(request.pk)
    folder.mkdir(parents=True)
    package = app_settings().package_dir / f"{request.pk:010d}/0001/.a.zip.partial"
    package.parent.mkdir(parents=True)
    package.write_bytes(b"x")
    make_old()
    assert orphans.sweep_orphans() == orphans.SweepResult(packages=0, stagings=0, freed_bytes=0)
    assert folder.is_dir()
    assert package.is_file()


def test_a_withdrawn_resource_and_a_withdrawn_format_are_refused_at_the_claim(
    resource: Resource, honoured: None
) -> None:
    request = order("dem")
    Resource.objects.update(formats=["PNG"])
    refusal = claimed(request).parts[0].refusal
    assert refusal is not None
    assert refusal.code == "format-unavailable"
    Resource.objects.update(offered=False)
    refusal = claimed(request).parts[0].refusal
    assert refusal is not None
    assert refusal.code == "resource-withdrawn"
