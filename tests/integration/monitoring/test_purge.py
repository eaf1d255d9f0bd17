"""`downman purge`, typed: what waits is ended truthfully, what is at work goes on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.states import Running

from downman.domain.jobs import Job
from downman.domain.status import RequestStatus
from downman.models import DownloadRequest, Notice, Resource
from downman.services import leases, notices, purge, recovery
from downman.trigger import PrefectTrigger
from downman_ops.orders.waiting_runs import PURGED
from tests.integration.monitoring.console import claimed, downman, order_in, retrying
from tests.integration.orders import order
from tests.integration.prefect_server import PrefectServer
from tests.integration.test_bootstrap import ask
from tests.integration.test_trigger import prefect, trigger
from tests.integration.worker.workers import until
from warm_process_tests.troubled_server import TroubledServer

__all__ = ["prefect", "trigger"]

pytestmark = pytest.mark.django_db(transaction=True)
#: What becomes of an order in each state.
AFTER = {
    **{status: status for status in RequestStatus},
    RequestStatus.QUEUED: RequestStatus.CANCELLED,
    RequestStatus.PARTLY_READY: RequestStatus.READY,
}


@pytest.fixture(autouse=True)
def _catalogue(resource: Resource, roads: Resource) -> None:
    """Offer `dem` and `roads`."""


def purge_orders() -> int:
    return sum(purge.purge_orders(actor="root"))


@contextmanager
def elsewhere(work: Any) -> Iterator[None]:
    """Do something on another connection meanwhile."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def state(run_id: UUID | str) -> str:
    return str(ask(lambda client: client.read_flow_run(UUID(str(run_id)))).state_name)


def run_of(request: DownloadRequest) -> UUID:
    def asked_for() -> UUID | None:
        request.refresh_from_db()
        return request.run_id

    run_id = until(asked_for)
    assert isinstance(run_id, UUID)
    return run_id


@pytest.mark.parametrize("status", RequestStatus)
def test_what_becomes_of_an_order(status: RequestStatus) -> None:
    request = order_in(status)
    assert purge_orders() == (AFTER[status] != status)
    request.refresh_from_db()
    assert request.status == AFTER[status]
    assert purge_orders() == 0


def test_an_order_that_waits_ends_by_name_and_reason_and_its_person_is_told_once() -> None:
    for request in (order("dem", "roads"), retrying()):
        purge_orders()
        request.refresh_from_db()
        assert (request.status, request.due_at) == ("cancelled", None)
        event = request.events.latest("pk")
        assert (event.actor, event.reason) == ("root", "the queue was purged")
        assert request.notices.filter(kind="cancelled", status="pending").count() == 1
        assert leases.claim(request.pk, owner="late", free_bytes=10**15) is None


def test_of_an_order_that_is_partly_ready_the_package_stays_and_its_person_is_told() -> None:
    request = order_in(RequestStatus.PARTLY_READY)
    purge_orders()
    assert list(request.locators.values_list("status", flat=True)) == ["delivered", "cancelled"]
    assert request.links.get().status == "active"
    assert request.notices.filter(kind="ready", status="pending").count() == 1


def test_a_part_that_waits_stays_with_an_order_that_a_worker_has() -> None:
    request = retrying()
    request.locators.filter(position=0).update(retry_at=timezone.now())
    claimed(request)
    assert purge_orders() == 0
    assert set(request.locators.values_list("status", flat=True)) == {"fetching", "retrying"}


def test_an_order_that_somebody_holds_is_passed_over_not_waited_for() -> None:
    held, other = order("dem"), order("dem")
    has_it, is_purged = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            DownloadRequest.objects.select_for_update().get(pk=held.pk)
            has_it.set()
            assert is_purged.wait(60)

    with elsewhere(hold):
        assert has_it.wait(60)
        try:
            assert purge_orders() == 1
        finally:
            is_purged.set()
    assert dict(DownloadRequest.objects.values_list("pk", "status")) == {held.pk: "queued", other.pk: "cancelled"}
    assert claimed(held).request_id == held.pk


def test_each_order_is_either_taken_by_a_worker_or_purged() -> None:
    made = [order("dem").pk for _ in range(2 * purge.ORDERS_AT_ONCE)]
    taken: list[int] = []

    def take() -> None:
        # From the other end: they meet.
        taken.extend(pk for pk in reversed(made) if leases.claim(pk, owner=f"run-{pk}", free_bytes=10**15))

    with elsewhere(take):
        purged = purge_orders()
    assert purged + len(taken) == len(made)
    assert purged
    assert taken
    by_state = {
        status: set(DownloadRequest.objects.filter(status=status).values_list("pk", flat=True))
        for status in ("packaging", "cancelled")
    }
    assert by_state == {"packaging": set(taken), "cancelled": set(made) - set(taken)}
    told = Notice.objects.filter(kind="cancelled").values_list("request_id", flat=True)
    assert sorted(told) == sorted(by_state["cancelled"])


def test_mails_are_given_up_but_not_what_may_be_on_its_way() -> None:
    for _ in range(3):
        order("dem")
    on_its_way, refused = (notices.claim_due(1)[0] for _ in range(2))
    notices.mark_failed(refused, "421 later", is_permanent=False)
    assert sum(purge.purge_mails()) == 2
    assert dict(Notice.objects.values_list("status", "last_error")) == {
        "pending": "",
        "failed": "Given up by an administrator.",
    }
    notices.mark_sent(on_its_way)
    on_its_way.refresh_from_db()
    assert on_its_way.status == "sent"
    assert downman("resend", refused.request_id).status == 0
    assert [notice.pk for notice in notices.claim_due(9)] == [refused.pk]


def test_with_prefect_away_nothing_is_changed(settings: Any) -> None:
    settings.DOWNLOADS_PREFECT_API_URL = "http://127.0.0.1:9/api"
    request = order("dem")
    said = downman("purge", "--yes")
    assert (said.status, said.out) == (3, "")
    request.refresh_from_db()
    assert request.status == "queued"
    assert set(Notice.objects.values_list("status", flat=True)) == {"pending"}


def test_without_a_yes_nothing_is_changed(prefect: PrefectServer) -> None:
    order("dem")
    said = downman("purge")
    assert (said.status, said.out) == (1, "")
    assert DownloadRequest.objects.get().status == "queued"


def test_all_queues_are_emptied_but_for_what_is_at_work_or_planned(
    prefect: PrefectServer, trigger: PrefectTrigger
) -> None:
    working, waiting, later = order("dem"), order("dem", "roads"), retrying()
    working_run, waiting_run, later_run = (run_of(request) for request in (working, waiting, later))
    ask(lambda client: client.set_flow_run_state(working_run, Running(), force=True))
    claimed(working)
    old_mails = set(Notice.objects.values_list("pk", flat=True))
    now, planned = timezone.now(), timezone.now() + timedelta(hours=1)
    late, to_come = (
        trigger.start(Job.RECOVER_STALLED, key=str(uuid4()), at=at) for at in (now - timedelta(seconds=5), planned)
    )

    said = downman("purge", "--yes", "--as", "root", "--json")
    assert said.status == 0
    rows = {row["queue"]: row for row in said.json["purged"]}
    assert (rows["package"]["orders"], rows["notify"]["mails"]) == (2, len(old_mails))
    assert rows["package"]["runs"] >= 2
    assert [state(run) for run in (waiting_run, later_run, late)] == ["Purged"] * 3
    assert [state(run) for run in (working_run, to_come)] == ["Running", "Scheduled"]
    working.refresh_from_db()
    assert working.status == "packaging"
    assert set(Notice.objects.filter(status="failed").values_list("pk", flat=True)) == old_mails
    told = Notice.objects.exclude(pk__in=old_mails).values_list("request_id", "kind", "status")
    assert sorted(told) == [(pk, "cancelled", "pending") for pk in sorted((waiting.pk, later.pk))]
    # Nothing of it comes back by itself.
    recovery.recover_stalled()
    waiting.refresh_from_db()
    assert (waiting.status, waiting.due_at) == ("cancelled", None)


def test_a_prefect_that_stops_answering_meanwhile_is_said_and_the_rest_is_done_the_next_time(
    prefect: PrefectServer, settings: Any
) -> None:
    request = order("dem")
    run = run_of(request)
    with TroubledServer(prefect.url) as troubled:
        settings.DOWNLOADS_PREFECT_API_URL = troubled.url
        troubled.fail("POST /api/flow_runs/bulk_set_state", times=1)
        said = downman("purge", "--queue", "package", "--yes")
        assert said.status == 3
        assert "Prefect stopped answering" in said.out
        assert state(run) == "Scheduled"
        request.refresh_from_db()
        assert request.status == "cancelled"
        told = set(Notice.objects.filter(kind="cancelled").values_list("pk", flat=True))

        said = downman("purge", "--queue", "package", "--yes")
        assert said.status == 0
    assert state(run) == "Purged"
    assert set(Notice.objects.filter(kind="cancelled").values_list("pk", flat=True)) == told


def test_a_run_for_an_order_that_came_meanwhile_is_left_to_it(prefect: PrefectServer) -> None:
    request = order("dem")
    run = run_of(request)
    said = downman("purge", "--queue", "notify", "--yes")
    assert said.status == 0
    assert state(run) == "Scheduled"
    DownloadRequest.objects.update(status="packaging")
    downman("purge", "--queue", "package", "--yes")
    assert state(run) == "Scheduled"
    DownloadRequest.objects.update(due_at=None)
    downman("purge", "--queue", "package", "--yes")
    assert state(run) == "Purged"


def test_a_thousand_purged_runs_are_no_thousand_deaths_to_look_into(prefect: PrefectServer) -> None:
    watched = {
        event
        for automation in ask(lambda client: client.read_automations())
        if isinstance(automation.trigger, EventTrigger) and automation.trigger.posture == Posture.Reactive
        for event in automation.trigger.expect
    }
    assert "prefect.flow-run.Cancelled" in watched
    assert f"prefect.flow-run.{PURGED['name']}" not in watched
