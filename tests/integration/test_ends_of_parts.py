"""What is said of a part is so at that moment: its end is written when it ends, not when its run ends."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from downman.domain.errors import LeaseLost, SourceMissing, TransferInterrupted
from downman.models import DownloadRequest, PolicyRecord
from downman.services import approvals, cancelling, leases, outcome, recovery
from downman.services.notices import mark_sent
from downman_flows.runs.packaging_run import package_request
from downman_flows.runs.report import Report
from downman_flows.wiring import Dependencies
from downman_ops.orders.details import show
from tests.integration.orders import order
from tests.integration.test_steps import dependencies, offer, server, states
from tests.servers import DATA, Source

__all__ = ["dependencies", "server"]
pytestmark = pytest.mark.django_db(transaction=True)
PLENTY = 10**15
#: Seconds within which what a run writes is seen; far longer than it takes.
SOON = 60


@contextmanager
def running(
    request: DownloadRequest, dependencies: Dependencies, server: Source, *, log: logging.Logger | None = None
) -> Iterator[list[Report]]:
    """Run the order beside the test, which looks at it meanwhile; at the end of the block the gates are opened."""
    reports: list[Report] = []

    def run() -> None:
        try:
            options = {} if log is None else {"log": log}
            reports.append(package_request(request.pk, owner="run-1", dependencies=dependencies, **options))
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield reports
    finally:
        server.open_gates()
        thread.join()


def wait_for(seen: Callable[[], bool]) -> None:
    """Look again and again until it is seen."""
    deadline = time.monotonic() + SOON
    while not seen():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


def get_api(client: Client, request: DownloadRequest) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/downloads/api/requests/{request.public_id}/").json()
    return answer


def get_page(client: Client, request: DownloadRequest) -> str:
    return " ".join(client.get(f"/downloads/requests/{request.public_id}/").content.decode().split())


def test_what_ends_without_data_is_said_while_the_rest_is_fetched(
    server: Source, dependencies: Dependencies, client: Client
) -> None:
    request = order(*offer(server, "gated/a.bin", "status/404/x", "status/500/x", "wrongdigest/Content-MD5/x"))
    with running(request, dependencies, server) as reports:
        wait_for(lambda: [status for status, _ in states(request)] == ["fetching", "failed", "retrying", "failed"])
        told = get_api(client, request)
        assert (told["status"], not reports) == ("packaging", True)
        assert [row["status"] for row in told["resources"]] == ["fetching", "failed", "retrying", "failed"]
        assert "no longer has this" in told["resources"][1]["error"]
        assert told["resources"][2]["retry_at"] is not None
        page = get_page(client, request)
        assert page.count(">Failed<") == 2
        assert "Will be tried again" in page
        assert "Next try:" in page
        parts = next(table for table in show({"order": request.number}).tables if table.name == "parts")
        assert [row[3] for row in parts.rows] == ["fetching", "failed", "retrying", "failed"]
    assert [status for status, _ in states(request)] == ["delivered", "failed", "retrying", "failed"]
    request.refresh_from_db()
    assert (request.status, request.lease_owner) == ("partly_ready", "")
    failing = request.locators.get(position=2)
    assert (failing.attempts, failing.failures, request.due_at) == (1, 1, failing.retry_at)
    assert [(event.to_status, event.actor) for event in request.events.filter(locator=failing)][-1] == (
        "retrying", "run-1",
    )  # fmt: skip
    assert request.events.filter(to_status="failed").count() == 2
    assert list(request.notices.values_list("kind", flat=True)) == ["received", "progress"]


def test_what_is_fetched_is_said_to_be_though_it_had_not_said_its_size(
    server: Source, dependencies: Dependencies, client: Client
) -> None:
    request = order(*offer(server, "gated/a.bin", "chunked/b.bin"))
    with running(request, dependencies, server):
        wait_for(lambda: get_api(client, request)["resources"][1]["bytes_total"] == len(DATA))
        assert get_api(client, request)["resources"][1]["bytes_done"] == len(DATA)
        page = get_page(client, request)
        assert ">Fetched<" in page
        assert "It is packaged with the rest of the order." in page
    assert [status for status, _ in states(request)] == ["delivered", "delivered"]


def test_an_order_whose_parts_all_fail_fails_once_with_one_mail(server: Source, dependencies: Dependencies) -> None:
    request = order(*offer(server, "status/404/x", "status/410/x", "status/404/y"))
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    request.refresh_from_db()
    assert (request.status, {status for status, _ in states(request)}) == ("failed", {"failed"})
    assert request.events.filter(locator=None, to_status="failed").count() == 1
    assert list(request.notices.values_list("kind", flat=True)) == ["received", "failed"]


def test_cancelling_what_is_left_after_a_failure_ends_the_order(server: Source, dependencies: Dependencies) -> None:
    request = order(*offer(server, "slow/a.bin", "status/404/x"))
    with running(request, dependencies, server):
        wait_for(lambda: [status for status, _ in states(request)] == ["fetching", "failed"])
        cancelling.cancel_resource(request.locators.get(position=0).pk, actor="requester")
    request.refresh_from_db()
    assert (request.status, request.lease_owner) == ("failed", "")
    assert list(request.notices.values_list("kind", flat=True)) == ["received", "failed"]


def test_what_is_too_large_can_be_decided_on_while_the_rest_is_fetched(
    server: Source, dependencies: Dependencies
) -> None:
    PolicyRecord.objects.create(max_public_bytes=2_000_000, administrators="admin@example.org")
    request = order(*offer(server, "gated/a.bin", "bytes/2000001/x"))
    with running(request, dependencies, server):
        wait_for(lambda: request.notices.filter(kind="approval_needed").exists())
        large = request.locators.get(position=1)
        assert (large.status, large.approval) == ("awaiting_approval", "pending")
        approvals.accept(large.pk, actor="admin")
    request.refresh_from_db()
    assert [status for status, _ in states(request)] == ["delivered", "queued"]
    assert request.due_at is not None
    package_request(request.pk, owner="run-2", dependencies=dependencies)
    request.refresh_from_db()
    assert request.status == "ready"


def claimed(request: DownloadRequest, owner: str = "run-1") -> leases.Claim:
    claim = leases.claim(request.pk, owner=owner, free_bytes=PLENTY)
    assert isinstance(claim, leases.Claim)
    return claim


def test_administrators_get_one_mail_for_all_that_waits_and_another_only_after_it_was_sent(server: Source) -> None:
    PolicyRecord.objects.create(administrators="admin@example.org")
    request = order(*offer(server, *(f"plain/{number}.bin" for number in range(4))))
    claim = claimed(request)
    parts = [part.locator_id for part in claim.parts]
    for number, mails in ((0, 1), (1, 1)):
        outcome.record_failures(claim, {parts[number]: outcome.NeedsApproval(size=10**9)})
        assert request.notices.filter(kind="approval_needed").count() == mails
    mark_sent(request.notices.get(kind="approval_needed"))
    for _ in range(2):
        outcome.record_failures(claim, {parts[2]: outcome.NeedsApproval(size=10**9)})
    assert request.notices.filter(kind="approval_needed").count() == 2


def test_writing_an_end_twice_or_for_another_runs_order_changes_nothing(server: Source) -> None:
    request = order(*offer(server, "plain/a.bin", "plain/b.bin"))
    claim = claimed(request)
    one, two = (part.locator_id for part in claim.parts)
    broken = TransferInterrupted(received=1, expected=2, reason="x")
    for _ in range(2):
        outcome.record_failures(claim, {one: broken})
    row = request.locators.get(pk=one)
    assert (row.status, row.failures, request.events.filter(locator=row, to_status="retrying").count()) == (
        "retrying", 1, 1,
    )  # fmt: skip
    # The last one is left to the record, with which the order ends.
    outcome.record_failures(claim, {two: SourceMissing(reason="HTTP 404")})
    assert request.locators.get(pk=two).status == "fetching"
    DownloadRequest.objects.update(lease_owner="run-2")
    with pytest.raises(LeaseLost):
        outcome.record_failures(claim, {two: SourceMissing(reason="HTTP 404")})


def test_a_run_that_is_lost_after_one_part_had_failed_leaves_the_rest_to_the_next(
    server: Source, dependencies: Dependencies
) -> None:
    request = order(*offer(server, "plain/a.bin", "status/404/x"))
    claim = claimed(request, "lost")
    good, bad = (part.locator_id for part in claim.parts)
    outcome.record_failures(claim, {bad: SourceMissing(reason="HTTP 404")})
    DownloadRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert recovery.recover_stalled().lost == (request.pk,)
    package_request(request.pk, owner="run-2", dependencies=dependencies)
    request.refresh_from_db()
    assert (request.status, [status for status, _ in states(request)]) == ("ready_with_errors", ["delivered", "failed"])
    assert request.locators.get(pk=good).link is not None
    assert list(request.notices.values_list("kind", flat=True)) == ["received", "ready_with_errors"]


def test_a_run_says_how_each_part_ended_without_its_url(
    server: Source, dependencies: Dependencies, caplog: pytest.LogCaptureFixture
) -> None:
    request = order(*offer(server, "plain/a.bin?key=S3CRET", "status/404/x?token=S3CRET"))
    with caplog.at_level(logging.INFO):
        report = package_request(request.pk, owner="run", dependencies=dependencies, log=logging.getLogger("the.run"))
    lines = sorted(record.getMessage() for record in caplog.records if record.name == "the.run")
    assert lines[0].startswith(f"Part 1 (r0) of 127.0.0.1: {len(DATA):,} bytes in ")
    assert lines[1].startswith("Part 2 (r1) of 127.0.0.1: not fetched, 0 bytes in ")
    assert "The data source no longer has this (status 404)" in lines[1]
    assert (report.outcome, report.number) == ("Order incomplete", request.number)
    assert report.message.startswith("Ready with errors: 1 of 2 resources delivered. The data source no longer has")
    said = caplog.text + report.message
    assert "S3CRET" not in said
    assert str(request.public_id) not in said


@pytest.mark.parametrize(
    ("path", "outcome_name", "why"),
    [
        ("status/404/x", "Order failed", "no longer has this"),
        ("status/500/x", "Order postponed", "cannot serve this now"),
        ("plain/a.bin", "", ""),
    ],
)
def test_the_end_of_a_run_is_called_what_became_of_the_order(
    server: Source, dependencies: Dependencies, path: str, outcome_name: str, why: str
) -> None:
    request = order(*offer(server, path))
    report = package_request(request.pk, owner="run-1", dependencies=dependencies)
    assert report.outcome == outcome_name
    assert why in report.message
    assert package_request(request.pk, owner="run-2", dependencies=dependencies).outcome == "Nothing due"
