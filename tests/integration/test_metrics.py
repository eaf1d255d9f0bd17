"""The figures for Prometheus: who may read them, that they are right, and that they cost the same for ever."""

import re
from collections.abc import Mapping
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from downman.domain.jobs import DEFAULT_POOL, Job, Queue
from downman.domain.status import RequestStatus
from downman.models import DownloadLink, DownloadRequest, Notice, Resource, ResourceLocator
from downman.monitoring import worker_stats as read_vitals
from downman.monitoring.metrics.exposition import GAUGES, IN_DATABASE
from downman.monitoring.metrics.samples import PREFIX
from downman.prefect_api import PrefectApi
from downman_ops.launch import ports
from prefect_warm_process import worker_stats
from tests.integration.monitoring.console import order_in, retrying
from tests.integration.orders import EMAIL, delivered, link_to, order
from tests.integration.prefect_server import AUTH, PrefectServer
from tests.integration.test_bootstrap import run_bootstrap
from tests.integration.test_scale import TransferWatchdog, _many
from tests.integration.worker.workers import Worker, until

__all__ = ["_many"]

METRICS = "/downloads/metrics"
TOKEN = "a-token-of-some-length"
LATELY = 60


@pytest.fixture(autouse=True)
def _no_prefect(settings: Any) -> None:
    """Let nothing answer where Prefect should be, unless the test starts one."""
    settings.DOWNLOADS_PREFECT_API_URL = f"http://127.0.0.1:{ports.any_free()}/api"
    settings.DOWNLOADS_PACKAGE_DIR.mkdir()


def scraped() -> Mapping[tuple[str, ...], float]:
    """Return what Prometheus reads: each value by its name, without the prefix, and its labels' values."""
    answer = Client().get(METRICS)
    assert answer.status_code == 200
    return {
        (sample.name.removeprefix(PREFIX), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        ("", {}, 200),
        ("", {"REMOTE_ADDR": "::1"}, 200),
        ("", {"REMOTE_ADDR": "192.0.2.7"}, 404),
        ("", {"REMOTE_ADDR": ""}, 404),  # a socket of the file system: whoever speaks for others uses it
        ("", {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 404),
        ("", {"HTTP_FORWARDED": "for=127.0.0.1"}, 404),
        ("", {"HTTP_X_REAL_IP": "127.0.0.1"}, 404),
        ("", {"HTTP_VIA": "1.1 proxy"}, 404),
        ("", {"HTTP_AUTHORIZATION": "Bearer ", "REMOTE_ADDR": "192.0.2.7"}, 404),
        (TOKEN, {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}", "REMOTE_ADDR": "192.0.2.7", "HTTP_VIA": "1.1 proxy"}, 200),
        (TOKEN, {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}x"}, 404),
        (TOKEN, {"HTTP_AUTHORIZATION": TOKEN}, 404),
        (TOKEN, {"HTTP_AUTHORIZATION": "Bearer ñ"}, 404),
        (TOKEN, {}, 404),
    ],
)
def test_who_may_read(settings: Any, token: str, headers: dict[str, str], status: int) -> None:
    settings.DOWNLOADS_METRICS_TOKEN = token
    answer = Client().get(METRICS, **headers)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert (b"downman_" in answer.content) == (status == 200)
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies


@pytest.mark.django_db
def test_its_form(client: Client) -> None:
    answer = client.get(f"{METRICS}/")
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert client.head(METRICS).content == b""
    assert client.post(METRICS).status_code == 405


@pytest.mark.django_db
def test_orders_by_state(resource: Resource, roads: Resource) -> None:
    for status in RequestStatus:
        order_in(status)
    retrying()
    found = scraped()
    counts = {status: found["orders", status] for status in RequestStatus}
    assert counts == {**dict.fromkeys(RequestStatus, 1.0), RequestStatus.QUEUED: 2.0}
    assert found["orders_under_way",] == 1
    # Two of the order that waits whole, and one of the one that is partly ready.
    reasons = ("retrying", "awaiting_approval", "on_hold")
    assert [found["parts_waiting", reason] for reason in reasons] == [3, 1, 0]

    # A day later, what is over is left out, and nothing else.
    DownloadRequest.objects.update(updated_at=timezone.now() - timedelta(days=1, seconds=1))
    found = scraped()
    assert [found["orders", state] for state in ("failed", "rejected", "cancelled", "expired")] == [0] * 4
    assert [found["orders", state] for state in ("queued", "ready", "ready_with_errors")] == [2, 1, 1]


@pytest.mark.django_db
def test_how_long_orders_and_mails_have_waited(resource: Resource) -> None:
    assert (scraped()["oldest_due_order_seconds",], scraped()["oldest_due_notice_seconds",]) == (0, 0)
    request = order("dem")
    order("dem")
    now = timezone.now()
    DownloadRequest.objects.filter(pk=request.pk).update(due_at=now - timedelta(minutes=20))
    Notice.objects.filter(request=request).update(due_at=now - timedelta(minutes=30))
    found = scraped()
    assert found["oldest_due_order_seconds",] == pytest.approx(1200, abs=30)
    assert found["oldest_due_notice_seconds",] == pytest.approx(1800, abs=30)


@pytest.mark.django_db
def test_mails_by_state(resource: Resource) -> None:
    for _ in range(6):
        order("dem")
    mails = list(Notice.objects.order_by("pk").values_list("pk", flat=True))
    assert len(mails) == 6
    Notice.objects.filter(pk__in=mails[:2]).update(status="failed")
    Notice.objects.filter(pk=mails[0]).update(updated_at=timezone.now() - timedelta(hours=25))
    Notice.objects.filter(pk__in=mails[2:4]).update(status="retrying")
    found = scraped()
    assert [found["notices", state] for state in ("pending", "retrying", "failed")] == [2, 2, 1]


@pytest.mark.django_db
def test_what_was_delivered_and_how_long_it_took(resource: Resource) -> None:
    now = timezone.now()
    assert ("delivery_time_seconds", "mean") not in scraped()
    for number in range(1, 6):
        request = delivered("dem")
        DownloadRequest.objects.filter(pk=request.pk).update(created_at=now - timedelta(seconds=100 * number))
        DownloadLink.objects.filter(request=request).update(created_at=now)
    first, second, *_ = DownloadLink.objects.order_by("pk")
    # It came two hours ago, with one beside it.
    DownloadLink.objects.filter(pk=first.pk).update(created_at=now - timedelta(hours=2))
    sidecar = link_to(first.request)
    DownloadLink.objects.filter(pk=sidecar.pk).update(main_link=first)
    DownloadLink.objects.filter(pk=second.pk).update(download_count=7, last_download_at=now)

    found = scraped()
    times = [found["delivery_time_seconds", kind] for kind in ("mean", "median", "p95", "longest")]
    assert times == pytest.approx([350, 350, 485, 500])
    assert found["deliveries_last_hour",] == 4
    assert (found["packages_last_day",], found["packages_last_day_bytes",]) == (5, 5 * 12_345)
    assert [found[f"links_{kind}",] for kind in ("active", "active_downloads", "taken_last_day")] == [5, 7, 1]


@pytest.mark.django_db
def test_failures_by_source_and_error(resource: Resource, roads: Resource) -> None:
    for _ in range(2):
        order_in(RequestStatus.FAILED)
    first, second = ResourceLocator.objects.order_by("pk")[:2]
    ResourceLocator.objects.filter(pk=first.pk).update(updated_at=timezone.now() - timedelta(hours=25))
    ResourceLocator.objects.filter(pk=second.pk).update(error_code="of an old release: ana@example.org")
    Resource.objects.filter(pk="roads").update(source="file")
    found = scraped()
    assert {key[1:]: value for key, value in found.items() if key[0] == "failures_last_day"} == {
        ("source-missing", "http"): 1,
        ("source-missing", "file"): 1,
        ("other", "file"): 1,
    }


@pytest.mark.django_db
def test_storage(resource: Resource, settings: Any) -> None:
    delivered("dem")
    found = scraped()
    assert found["stored_bytes",] == 12_345
    assert 0 < found["disk_free_bytes", "packages"] < found["disk_size_bytes", "packages"]
    assert ("disk_free_bytes", "staging") not in found
    assert ("storage_budget_bytes",) not in found

    settings.DOWNLOADS_STORAGE_BUDGET_BYTES = 10**9
    settings.DOWNLOADS_STAGING_DIR.mkdir()
    found = scraped()
    assert found["storage_budget_bytes",] == 10**9
    assert found["disk_free_bytes", "staging"] > 0


@pytest.mark.django_db
def test_a_part_that_fails_leaves_the_others(resource: Resource, settings: Any) -> None:
    settings.DOWNLOADS_PACKAGE_DIR.rmdir()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE downloads_notice RENAME TO elsewhere")
    found = scraped()
    up = {key[1]: value for key, value in found.items() if key[0] == "part_up"}
    assert {part for part, value in up.items() if not value} == {"notices", "disks", "queues", "workers"}
    assert found["prefect_up",] == 0
    assert found["orders", "queued"] == 0
    assert not {key for key in found if key[0] in {"notices", "disk_free_bytes", "workers_online"}}


@pytest.mark.django_db(transaction=True)
def test_without_the_database_the_rest_is_there() -> None:
    where = {name: connection.settings_dict[name] for name in ("HOST", "PORT")}
    connection.close()
    connection.settings_dict.update({"HOST": "127.0.0.1", "PORT": str(ports.any_free())})
    try:
        found = scraped()
    finally:
        connection.settings_dict.update(where)
        connection.close()
    assert {found["part_up", part] for part in IN_DATABASE} == {0}
    assert found["part_up", "disks"] == 1
    assert found["scrape_duration_seconds",] < 3


@pytest.mark.django_db
def test_nothing_personal_and_no_id(resource: Resource, settings: Any) -> None:
    settings.DOWNLOADS_METRICS_TOKEN = TOKEN
    request = delivered("dem")
    text = Client().get(METRICS, headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    link = DownloadLink.objects.get()
    secrets = [EMAIL, str(request.public_id), link.token, link.name, TOKEN, AUTH, str(settings.DOWNLOADS_PACKAGE_DIR)]
    assert not [secret for secret in secrets if secret in text]


@pytest.mark.django_db
def test_reading_asks_the_same_number_of_questions(resource: Resource, roads: Resource) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as captured:
            scraped()
        return len([query for query in captured if query["sql"].startswith("SELECT")])

    none = questions()
    for status in RequestStatus:
        order_in(status)
    assert questions() == none <= 12


@pytest.mark.django_db
def test_with_a_hundred_thousand_orders_nothing_is_read_whole(_many: None) -> None:  # noqa: PT019 - its value is not needed, its order is
    watch = TransferWatchdog()
    with connection.execute_wrapper(watch):
        assert scraped()["orders", "ready"] == 2000
    assert watch.complaints == []


def test_the_worker_tells_what_is_looked_for() -> None:
    assert read_vitals.EVENT == worker_stats.EVENT
    assert timedelta(seconds=2 * worker_stats.EVERY_SECONDS) < read_vitals.WITHIN


def test_names_are_as_prometheus_wants_them() -> None:
    names = [gauge.name for gauge in GAUGES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)
    assert not [name for name in names if name.endswith(("_total", "_count", "_sum", "_bucket"))]


@pytest.mark.django_db
def test_queues_and_workers(settings: Any, prefect_server: PrefectServer, tmp_path: Path) -> None:
    settings.DOWNLOADS_PREFECT_API_URL = prefect_server.url
    settings.DOWNLOADS_PREFECT_API_AUTH_STRING = AUTH
    run_bootstrap()
    api = PrefectApi(api_url=prefect_server.url, auth_string=AUTH, timeout_seconds=10)
    deployment = api.ask("GET", f"deployments/name/{Job.PACKAGE_REQUEST}/{Job.PACKAGE_REQUEST}")["id"]
    run = api.ask("POST", f"deployments/{deployment}/create_flow_run", {"parameters": {"request_id": 1}})["id"]
    maintenance = f"work_pools/{DEFAULT_POOL}/queues/{Queue.MAINTENANCE}"
    api.ask("PATCH", maintenance, {"is_paused": True})
    # It serves another queue, so that the run goes on waiting.
    options = ("--name=one", f"--work-queue={Queue.NOTIFY}")
    worker = Worker(
        DEFAULT_POOL, "warm-process", *options, environment=prefect_server.environment, log=tmp_path / "log"
    )

    def polled() -> Mapping[tuple[str, ...], float] | None:
        # Prefect's server notes a poll in the background, some time after it has answered it.
        found = scraped()
        heard = found.get(("queue_last_polled_seconds", Queue.NOTIFY), inf) < LATELY
        return found if heard and ("worker_memory_bytes", "one") in found else None

    try:
        with worker:
            found = until(polled, every=0.5)
    finally:
        api.ask("PATCH", maintenance, {"is_paused": False})
        api.ask("DELETE", f"flow_runs/{run}")
        api.close()

    assert found["prefect_up",] == found["part_up", "queues"] == found["part_up", "workers"] == 1
    assert found["workers_online",] >= 1
    assert found["worker_last_heartbeat_seconds", "one"] < 60
    assert found["worker_memory_bytes", "one"] > 10_000_000
    assert found["worker_runs_under_way", "one"] == 0
    assert found["queue_runs_waiting", Queue.PACKAGE] >= 1
    assert found["queue_runs_under_way", Queue.PACKAGE] == 0
    assert found["queue_limit", Queue.PACKAGE] >= 1
    assert (found["queue_paused", Queue.PACKAGE], found["queue_paused", Queue.MAINTENANCE]) == (0, 1)
    assert found["queue_last_polled_seconds", Queue.NOTIFY] < LATELY
