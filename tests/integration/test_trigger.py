"""The site's way to Prefect, and what happens to orders when it is closed."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from prefect.states import Crashed, Running

from downman.domain.errors import TriggerUnavailable
from downman.domain.jobs import DEFAULT_POOL, Job
from downman.domain.numbering import new_number
from downman.models import DownloadRequest, Resource
from downman.services import recovery
from downman.services.dispatch import start_packaging, start_sending
from downman.trigger import PrefectTrigger
from tests.integration.orders import order
from tests.integration.prefect_server import AUTH, PrefectServer
from tests.integration.test_bootstrap import ask, run_bootstrap


@pytest.fixture
def prefect(prefect_server: PrefectServer, settings: Any) -> PrefectServer:
    """Return a server with our deployments, to which the site hands its work."""
    run_bootstrap()
    settings.DOWNLOADS_TRIGGER = "downman.trigger.PrefectTrigger"
    settings.DOWNLOADS_PREFECT_API_URL = prefect_server.url
    settings.DOWNLOADS_PREFECT_API_AUTH_STRING = AUTH
    settings.DOWNLOADS_TRIGGER_TIMEOUT_SECONDS = 10.0
    settings.DOWNLOADS_STALLED_AFTER_SECONDS = 0
    return prefect_server


@pytest.fixture
def trigger(prefect: PrefectServer) -> Iterator[PrefectTrigger]:
    with closing(PrefectTrigger(api_url=prefect.url, auth_string=AUTH, timeout_seconds=10)) as made:
        yield made


def run_of(request: DownloadRequest) -> Any:
    """Return the flow run that Prefect has for a request."""
    request.refresh_from_db()
    run_id = request.run_id
    assert run_id is not None
    return ask(lambda client: client.read_flow_run(run_id))


def crash(run_id: Any) -> None:
    ask(lambda client: client.set_flow_run_state(run_id, Crashed(), force=True))


def test_asking_twice_gives_one_run_at_its_time_with_an_id_only(trigger: PrefectTrigger) -> None:
    at = datetime.now(tz=UTC) + timedelta(hours=1)
    key = str(uuid4())
    first = trigger.start(Job.PACKAGE_REQUEST, key=key, at=at, request_id=7)
    assert trigger.start(Job.PACKAGE_REQUEST, key=key, request_id=7) == first
    run = ask(lambda client: client.read_flow_run(UUID(first)))
    assert run.parameters == {"request_id": 7}
    assert run.state is not None
    assert run.state.state_details.scheduled_time == at


def test_runs_that_have_ended_or_never_were_are_not_alive(trigger: PrefectTrigger) -> None:
    alive, dead = (trigger.start(Job.SEND_NOTICES, key=str(uuid4())) for _ in range(2))
    crash(dead)
    assert trigger.live([alive, dead, str(uuid4())]) == {alive}
    assert trigger.live([]) == frozenset()


@pytest.fixture
def deaf() -> Iterator[str]:
    """Return the address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/api"


def test_a_server_that_is_away_hangs_or_knows_us_not_is_said_soon(deaf: str, prefect_server: PrefectServer) -> None:
    for url, auth in ((deaf, ""), ("http://127.0.0.1:9/api", ""), (prefect_server.url, "admin:wrong")):
        began = time.monotonic()
        made = PrefectTrigger(api_url=url, auth_string=auth, timeout_seconds=0.3)
        with closing(made), pytest.raises(TriggerUnavailable) as raised:
            made.start(Job.SEND_NOTICES, key="x")
        assert time.monotonic() - began < 1
        assert "wrong" not in str(raised.value)


@pytest.mark.django_db(transaction=True)
def test_an_order_is_asked_for_once_and_found_again_when_its_run_dies(
    prefect: PrefectServer, resource: Resource
) -> None:
    request = order("dem")
    DownloadRequest.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert start_packaging(request.pk)
    first = run_of(request)
    assert first.name == f"package-request-{request.pk}-{request.number}-1"
    assert recovery.recover_stalled().started == ()

    crash(first.id)
    assert recovery.recover_stalled().started == (request.pk,)
    second = run_of(request)
    assert second.name == f"package-request-{request.pk}-{request.number}-2"
    assert recovery.recover_stalled().started == ()


@pytest.mark.django_db(transaction=True)
def test_an_order_with_the_id_of_one_in_an_earlier_database_gets_a_run_of_its_own(
    prefect: PrefectServer, resource: Resource
) -> None:
    earlier = order("dem")
    assert start_packaging(earlier.pk)
    crash(run_of(earlier).id)
    DownloadRequest.objects.filter(pk=earlier.pk).update(number=new_number(), run_id=None)
    assert start_packaging(earlier.pk)
    assert run_of(earlier).state_name == "Scheduled"


@pytest.mark.django_db(transaction=True)
def test_after_a_change_of_pool_an_order_does_not_wait_in_the_old_one(
    prefect: PrefectServer, resource: Resource, settings: Any
) -> None:
    waiting, working = order("dem"), order("dem")
    DownloadRequest.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert all(start_packaging(request.pk) for request in (waiting, working))
    first, executed = run_of(waiting), run_of(working)
    ask(lambda client: client.set_flow_run_state(executed.id, Running(), force=True))

    settings.DOWNLOADS_POOL = "moved"
    run_bootstrap(pool="moved")
    assert recovery.recover_stalled().started == (waiting.pk,)
    second = run_of(waiting)
    assert (first.work_pool_name, second.work_pool_name) == (DEFAULT_POOL, "moved")
    assert second.state_name == "Scheduled"
    assert recovery.recover_stalled().started == ()


@pytest.mark.django_db(transaction=True)
def test_an_order_that_could_not_be_handed_over_is_started_later(
    prefect: PrefectServer, resource: Resource, settings: Any
) -> None:
    settings.DOWNLOADS_PREFECT_API_URL = "http://127.0.0.1:9/api"
    request = order("dem")
    assert not start_packaging(request.pk)
    assert not start_sending()
    DownloadRequest.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    settings.DOWNLOADS_PREFECT_API_URL = prefect.url
    found = recovery.recover_stalled()
    assert (found.started, found.mails) == ((request.pk,), True)
    assert run_of(request).state_name == "Scheduled"
