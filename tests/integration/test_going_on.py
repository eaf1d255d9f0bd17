"""What a run goes on from: parts that a lost run had verified, and packages from which one part was taken out."""

import json
import threading
import zipfile
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from downman.domain.errors import LeaseLost
from downman.models import DownloadLink, DownloadRequest, ResourceLocator
from downman.services import approvals, cancelling, leases, outcome, recovery, retention, space
from downman_flows.runs.fetching import Fetching
from downman_flows.runs.packaging_run import package_request
from downman_flows.wiring import Dependencies
from tests.integration.database_proxy import losing_the_answer_to_a_commit
from tests.integration.orders import order
from tests.integration.packages import package_path
from tests.integration.test_steps import dependencies, offer, opened, server, staged, states
from tests.servers import DATA, Source

__all__ = ["dependencies", "server"]
pytestmark = pytest.mark.django_db(transaction=True)
PLENTY = 10**15


@pytest.fixture
def lost(server: Source, dependencies: Dependencies) -> DownloadRequest:
    """Return a request whose run fetched everything and was lost before it recorded anything."""
    request = order(*offer(server, "plain/a.bin", "plain/b.bin"))
    claim = leases.claim(request.pk, owner="lost", free_bytes=PLENTY)
    assert isinstance(claim, leases.Claim)
    with Fetching(request.pk, claim.parts, dependencies) as fetching:
        assert all(item.staged for item in fetching.results(lambda: None))
    DownloadRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert recovery.recover_stalled().lost == (request.pk,)
    return request


def test_the_next_run_goes_on_from_the_parts_that_were_verified(
    lost: DownloadRequest, server: Source, dependencies: Dependencies
) -> None:
    package_request(lost.pk, owner="run-2", dependencies=dependencies)
    assert [status for status, _ in states(lost)] == ["delivered", "delivered"]
    assert server.seen("plain/a.bin") == server.seen("plain/b.bin") == 1
    with opened(lost) as archive:
        assert archive.read("a.bin") == archive.read("b.bin") == DATA


def test_a_verified_part_that_was_damaged_since_is_fetched_again(
    lost: DownloadRequest, server: Source, dependencies: Dependencies
) -> None:
    part = lost.locators.first()
    assert part is not None
    body = dependencies.staging.get_folder(lost.pk, part.pk) / "body"
    body.write_bytes(b"x" * len(DATA))
    package_request(lost.pk, owner="run-2", dependencies=dependencies)
    assert [status for status, _ in states(lost)] == ["retrying", "delivered"]
    with opened(lost) as archive:
        assert "a.bin" not in archive.namelist()
        assert archive.read("b.bin") == DATA
    ResourceLocator.objects.filter(status="retrying").update(retry_at=timezone.now())
    package_request(lost.pk, owner="run-3", dependencies=dependencies)
    assert [status for status, _ in states(lost)] == ["delivered", "delivered"]
    package = DownloadLink.objects.get(locators=part)
    with zipfile.ZipFile(package_path(package.target)) as archive:
        assert archive.read("a.bin") == DATA


def test_a_package_that_a_lost_run_left_unrecorded_is_removed_by_the_next(
    lost: DownloadRequest, dependencies: Dependencies
) -> None:
    folder = package_path(f"{lost.pk:010d}/0001")
    folder.mkdir(parents=True)
    (folder / ".download.zip.partial").write_bytes(b"half")
    package_request(lost.pk, owner="run-2", dependencies=dependencies)
    assert not folder.exists()


def test_what_a_lost_run_left_of_a_cancelled_request_is_removed(server: Source, dependencies: Dependencies) -> None:
    request = order(*offer(server, "plain/a.bin"))
    claim = leases.claim(request.pk, owner="lost", free_bytes=PLENTY)
    assert isinstance(claim, leases.Claim)
    folder = package_path(f"{request.pk:010d}/0001")
    folder.mkdir(parents=True)
    (folder / ".download.zip.partial").write_bytes(b"half")
    cancelling.cancel_request(request.pk, actor="requester")
    DownloadRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    recovery.recover_stalled()
    request.refresh_from_db()
    assert (request.status, request.lease_owner, request.due_at) == ("cancelled", "", None)
    assert not folder.exists()


def test_the_rest_of_a_package_is_packaged_again_without_asking_the_source(
    server: Source, dependencies: Dependencies
) -> None:
    request = order(*offer(server, "plain/a.bin", "plain/b.bin"))
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    first = DownloadLink.objects.get()
    one, _two = request.locators.all()
    cancelling.cancel_resource(one.pk, actor="requester")
    assert [status for status, _ in states(request)] == ["cancelled", "queued"]
    first.refresh_from_db()
    assert first.status == "cancelled_by_user"
    assert retention.clean_expired().deleted == 0  # the second part is still to be taken out of it

    package_request(request.pk, owner="run-2", dependencies=dependencies)
    request.refresh_from_db()
    assert request.status == "ready"
    assert server.seen("plain/a.bin") == server.seen("plain/b.bin") == 1
    link = DownloadLink.objects.get(status="active")
    with zipfile.ZipFile(package_path(link.target)) as archive:
        assert archive.namelist() == ["b.bin", "manifest.json"]
        assert archive.read("b.bin") == DATA
        (entry,) = json.loads(archive.read("manifest.json"))["files"]
        assert (entry["part"], entry["completeness_proof"]) == (2, "content-length")
    assert retention.clean_expired().deleted == 1
    assert list(request.notices.values_list("kind", flat=True)) == ["received", "ready", "ready"]


def test_a_package_that_is_gone_is_fetched_again(server: Source, dependencies: Dependencies) -> None:
    request = order(*offer(server, "plain/a.bin", "plain/b.bin"))
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    package_path(DownloadLink.objects.get().target).unlink()
    one, _two = request.locators.all()
    cancelling.cancel_resource(one.pk, actor="an administrator")
    package_request(request.pk, owner="run-2", dependencies=dependencies)
    assert [status for status, _ in states(request)] == ["cancelled", "delivered"]
    assert server.seen("plain/b.bin") == 2


def test_two_requests_do_not_count_on_the_same_room(server: Source) -> None:
    names = offer(server, "plain/a.bin", "plain/b.bin")
    first, second = order(names[0]), order(names[1])
    ResourceLocator.objects.update(bytes_total=60)
    assert isinstance(leases.claim(first.pk, owner="run-1", free_bytes=100), leases.Claim)
    waits = leases.claim(second.pk, owner="run-2", free_bytes=100)
    assert waits == space.InsufficientSpace(needed_bytes=60, free_bytes=40)
    second.refresh_from_db()
    assert (second.status, states(second), second.attempt) == ("queued", [("waiting_for_space", "no-space")], 2)
    # What the first one has written is no longer free, so it is not counted twice.
    ResourceLocator.objects.filter(request=first).update(bytes_done=60)
    ResourceLocator.objects.filter(request=second).update(retry_at=timezone.now())
    assert isinstance(leases.claim(second.pk, owner="run-3", free_bytes=60), leases.Claim)


def test_sizes_that_nobody_knows_count_as_the_default_beside_others_and_not_alone(server: Source) -> None:
    names = offer(server, "plain/a.bin", "plain/b.bin")
    first, second = order(names[0]), order(names[1])
    assert isinstance(leases.claim(first.pk, owner="run-1", free_bytes=0), space.InsufficientSpace)
    ResourceLocator.objects.update(retry_at=timezone.now())
    assert isinstance(leases.claim(first.pk, owner="run-1", free_bytes=1), leases.Claim)
    first.refresh_from_db()
    assert first.reserved_bytes == 100_000_000
    waits = leases.claim(second.pk, owner="run-2", free_bytes=199_999_999)
    assert waits == space.InsufficientSpace(needed_bytes=100_000_000, free_bytes=99_999_999)
    ResourceLocator.objects.update(retry_at=timezone.now())
    assert isinstance(leases.claim(second.pk, owner="run-2", free_bytes=200_000_000), leases.Claim)


def test_a_budget_ends_the_least_recently_used_links_where_that_is_allowed(
    server: Source, dependencies: Dependencies, settings: Any
) -> None:
    requests = [order(name) for name in offer(server, "plain/a.bin", "plain/b.bin", "plain/c.bin")]
    for request in requests:
        package_request(request.pk, owner="run", dependencies=dependencies)
    _oldest, used, newest = DownloadLink.objects.order_by("pk")
    DownloadLink.objects.filter(pk=used.pk).update(last_download_at=timezone.now())
    budget = (used.size or 0) + (newest.size or 0)
    settings.DOWNLOADS_STORAGE_BUDGET_BYTES = budget
    assert retention.clean_expired() == retention.CleanupResult()  # a link is a promise

    settings.DOWNLOADS_EVICT_PROMISED = True
    cleaned = retention.clean_expired()
    assert (cleaned.evicted, cleaned.deleted) == (1, 1)
    assert list(DownloadLink.objects.order_by("pk").values_list("status", flat=True)) == ["expired", "active", "active"]
    assert requests[0].notices.filter(kind="ended_early").count() == 1
    full = replace(dependencies, storage_budget_bytes=budget)
    assert full.free_bytes(stored_bytes=retention.stored_bytes) == 0


def test_a_resource_that_is_put_on_hold_stops_and_goes_on_when_it_is_released(
    server: Source, dependencies: Dependencies
) -> None:
    request = order(*offer(server, "slow/a.bin", "plain/b.bin"))
    slow, _quick = request.locators.all()

    def hold_when_it_runs() -> None:
        try:
            while not ResourceLocator.objects.filter(pk=slow.pk, bytes_done__gt=0).exists():
                pass
            approvals.hold(slow.pk, actor="admin")
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold_when_it_runs)
    thread.start()
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    thread.join()
    request.refresh_from_db()
    assert (request.status, [status for status, _ in states(request)]) == ("partly_ready", ["on_hold", "delivered"])
    approvals.release(slow.pk, actor="admin")
    cancelling.cancel_resource(slow.pk, actor="requester")
    request.refresh_from_db()
    assert request.status == "ready"


def test_a_database_that_drops_every_connection_is_survived(server: Source, dependencies: Dependencies) -> None:
    request = order(*offer(server, "slow/x", "plain/a.bin"))
    slow, _quick = request.locators.all()

    def drop_when_it_runs() -> None:
        try:
            while not ResourceLocator.objects.filter(pk=slow.pk, bytes_done__gt=0).exists():
                pass
            for _ in range(3):
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
                    )
                seen = ResourceLocator.objects.get(pk=slow.pk).bytes_done
                while ResourceLocator.objects.get(pk=slow.pk).bytes_done == seen:
                    pass
            cancelling.cancel_resource(slow.pk, actor="requester")
        finally:
            connections.close_all()

    thread = threading.Thread(target=drop_when_it_runs)
    thread.start()
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    thread.join()
    request.refresh_from_db()
    assert (request.status, [status for status, _ in states(request)]) == ("ready", ["cancelled", "delivered"])


def test_a_record_whose_answer_was_lost_stands(server: Source, dependencies: Dependencies) -> None:
    request = order(*offer(server, "plain/a.bin"))
    with losing_the_answer_to_a_commit(b'INSERT INTO "downloads_downloadlink"') as proxy:
        report = package_request(request.pk, owner="run-1", dependencies=dependencies)
    assert proxy.dropped == 1
    assert report.summary == "Ready: 1 of 1 resources delivered."
    assert package_path(DownloadLink.objects.get().target).is_file()


def test_a_run_whose_request_was_given_to_another_leaves_nothing(server: Source, dependencies: Dependencies) -> None:
    request = order(*offer(server, "plain/a.bin"))
    claim = leases.claim(request.pk, owner="run-1", free_bytes=PLENTY)
    assert isinstance(claim, leases.Claim)
    assert leases.release(request.pk, owner="run-1", reason="its worker was lost")
    assert not leases.release(request.pk, owner="run-1", reason="its worker was lost")
    with pytest.raises(LeaseLost):
        leases.renew_lease(claim, {})
    assert isinstance(leases.claim(request.pk, owner="run-2", free_bytes=PLENTY), leases.Claim)
    with pytest.raises(LeaseLost):
        leases.renew_lease(claim, {})
    with pytest.raises(LeaseLost):
        outcome.record(claim, links=(), failures={}, sizes={})
    assert states(request) == [("fetching", "")]
    assert staged(package_path("x").parent) == []
