"""The doctor finds what is really broken, says what to do, and looks at the rest all the same."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate, WorkPoolUpdate
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.exceptions import ObjectNotFound
from prefect.states import Running, Scheduled

from downman import migrations
from downman.domain.jobs import DEFAULT_POOL, TAG, AutomationName, Job, PrefectNames, Queue
from downman.models import DownloadRequest, Notice, Resource
from downman.prefect_api import PrefectApi
from downman_ops.commands import ExitStatus
from downman_ops.doctor.clock import compare_clocks
from downman_ops.doctor.runs import check_runs
from downman_ops.launch import ports
from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.integration.orders import order
from tests.integration.prefect_server import AUTH, PrefectServer
from tests.integration.test_bootstrap import run_bootstrap
from tests.integration.test_mail_modes import HOST, listening
from tests.integration.worker.workers import Worker, until

pytestmark = pytest.mark.django_db
Found = list[Mapping[str, str]]
PASSWORD = AUTH.partition(":")[2]


def doctor(*options: str) -> tuple[int, Found]:
    """Run it as scripts do; what it writes never holds Prefect's password."""
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("downman", "doctor", "--json", *options, stdout=out)
    assert PASSWORD not in out.getvalue()
    assert isinstance(ended.value.code, int)
    return ended.value.code, json.loads(out.getvalue())["findings"]


def of(found: Found, part: str) -> list[tuple[str, str]]:
    return [(finding["state"], finding["found"]) for finding in found if finding["part"] == part]


def hints(found: Found, part: str) -> list[str]:
    return [finding["hint"] for finding in found if finding["part"] == part]


def one(found: Found, part: str) -> str:
    """Return the one finding of a part, as `state: found`."""
    ((state, text),) = of(found, part)
    return f"{state}: {text}"


@pytest.fixture
def folders(settings: Any) -> None:
    """Return the folders that an installation has."""
    settings.DOWNLOADS_PACKAGE_DIR.mkdir()
    settings.DOWNLOADS_STAGING_DIR.mkdir()
    settings.DOWNLOADS_FILE_ROOTS = []


@pytest.fixture
def server(settings: Any, prefect_server: PrefectServer) -> PrefectServer:
    """Let the site use a Prefect server that is set up anew: no run is left, and nobody has asked for any."""
    settings.DOWNLOADS_PREFECT_API_URL = prefect_server.url
    settings.DOWNLOADS_PREFECT_API_AUTH_STRING = AUTH
    with get_client(sync_client=True) as prefect, contextlib.suppress(ObjectNotFound):
        prefect.delete_work_pool(DEFAULT_POOL)
    run_bootstrap()
    return prefect_server


@pytest.fixture
def client(server: PrefectServer) -> Iterator[SyncPrefectClient]:
    """Return Prefect's own client."""
    with get_client(sync_client=True) as made:
        yield made


@pytest.fixture
def no_server(settings: Any) -> None:
    """Let nothing answer where Prefect should be."""
    settings.DOWNLOADS_PREFECT_API_URL = f"http://{HOST}:{ports.any_free()}/api"


def deployment_id(client: SyncPrefectClient, job: Job) -> Any:
    return client.read_deployment_by_name(f"{job}/{job}").id


def test_nothing_is_wrong_where_all_is_up_and_the_status_says_so(
    server: PrefectServer, folders: None, settings: Any, tmp_path: Path
) -> None:
    settings.DOWNLOADS_MAIL_FROM = "portal@example.org"
    settings.DOWNLOADS_ADMINISTRATORS = ["admin@example.org"]
    worker = Worker(DEFAULT_POOL, "warm-process", "--name=one", environment=server.environment, log=tmp_path / "log")
    with listening() as (_handler, port), worker:
        run_bootstrap(mail_host=HOST, mail_port=port)
        # A worker's first heartbeat may come a moment after it says that it has started.
        _status, found = until(lambda: answer if (answer := doctor())[0] == ExitStatus.OK else None)

    assert [finding["part"] for finding in found if finding["state"] != "ok"] == ["settings"]  # it is a demo's
    assert "one" in one(found, "workers")
    assert one(found, "mail server") == f"ok: {HOST}:{port} (INSECURE) answers"
    assert "admin@example.org" not in json.dumps(found)


def test_without_prefect_the_status_is_3_and_all_else_is_looked_at(no_server: None, folders: None) -> None:
    status, found = doctor()

    assert status == ExitStatus.PREFECT_AWAY
    assert one(found, "Prefect").startswith("wrong:")
    assert found[0]["part"] == "Prefect", "what is wrong comes first"
    assert one(found, "database").startswith("ok:")
    assert one(found, "package folder").startswith("ok:")
    assert of(found, "mail server")[0][0] == "warning"


def test_a_prefect_that_hangs_costs_two_seconds(settings: Any, folders: None) -> None:
    with socket.create_server((HOST, 0)) as silent:
        settings.DOWNLOADS_PREFECT_API_URL = f"http://{HOST}:{silent.getsockname()[1]}/api"
        began = time.monotonic()
        status, found = doctor()
    assert status == ExitStatus.PREFECT_AWAY
    assert "ReadTimeout" in one(found, "Prefect")
    assert time.monotonic() - began < 6


def test_a_refused_login_is_told_apart_from_a_server_that_is_away(server: PrefectServer, settings: Any) -> None:
    settings.DOWNLOADS_PREFECT_API_AUTH_STRING = "admin:another-secret"
    status, found = doctor()

    assert status == ExitStatus.PREFECT_AWAY
    assert "refuses our login" in one(found, "Prefect")
    assert "PREFECT_API_AUTH_STRING" in hints(found, "Prefect")[0]
    assert "another-secret" not in json.dumps(found)


@pytest.mark.parametrize(
    ("address", "said"),
    [("http://[::1/api", "is not a URL"), ("http://someone:a-secret@127.0.0.1:9/api", "http://127.0.0.1:9/api")],
)
def test_an_address_of_prefect_that_is_none_or_holds_a_login_is_not_repeated(
    settings: Any, folders: None, address: str, said: str
) -> None:
    settings.DOWNLOADS_PREFECT_API_URL = address
    status, found = doctor()
    assert status == ExitStatus.PREFECT_AWAY
    assert said in one(found, "Prefect")
    assert "a-secret" not in json.dumps(found)


def test_what_answers_but_is_no_prefect_is_said(server: PrefectServer, settings: Any) -> None:
    settings.DOWNLOADS_PREFECT_API_URL = server.url.removesuffix("/api")
    assert "no Prefect API" in one(doctor()[1], "Prefect")


def test_a_pool_or_queue_that_is_paused_or_may_run_nothing_is_wrong(client: SyncPrefectClient) -> None:
    names = {name: client.read_work_queue_by_name(name, work_pool_name=DEFAULT_POOL).id for name in Queue}
    client.update_work_pool(DEFAULT_POOL, WorkPoolUpdate(is_paused=True))
    client.update_work_queue(names[Queue.PACKAGE], is_paused=True)
    client.update_work_queue(names[Queue.NOTIFY], concurrency_limit=0)
    try:
        status, found = doctor()
        assert status == ExitStatus.WRONG
        assert "paused" in one(found, "work pool")
        assert hints(found, "work pool") == ["downman prefect work-pool resume downman"]
        assert ("wrong", "it is paused") in of(found, "queue package")
        assert "downman prefect work-queue resume package --pool downman" in hints(found, "queue package")
        assert ("wrong", "its limit is 0: nothing runs") in of(found, "queue notify")
    finally:
        client.update_work_pool(DEFAULT_POOL, WorkPoolUpdate(is_paused=False))
        client.update_work_queue(names[Queue.PACKAGE], is_paused=False)


def test_a_pool_that_is_not_there_is_wrong_with_all_its_queues(client: SyncPrefectClient) -> None:
    client.delete_work_pool(DEFAULT_POOL)
    _, found = doctor()
    for part in ("work pool", *(f"queue {name}" for name in Queue)):
        assert one(found, part).startswith("wrong: ")
        assert hints(found, part) == ["downman bootstrap"]
    run_bootstrap()


def test_a_queue_that_nobody_serves_is_wrong_when_runs_wait_in_it(client: SyncPrefectClient) -> None:
    _, found = doctor()
    assert one(found, "workers").startswith("wrong: none")
    assert one(found, "queue package") == "warning: no worker has ever polled it; 0 are due"

    run = client.create_flow_run_from_deployment(
        deployment_id(client, Job.PACKAGE_REQUEST), parameters={"request_id": 1}
    )
    try:
        until(lambda: one(doctor()[1], "queue package") == "wrong: no worker has ever polled it; 1 is due")
        _, found = doctor()
        assert "downman service worker --queues package" in hints(found, "queue package")[0]

        # What every worker asks again and again.
        client.get_scheduled_flow_runs_for_work_pool(DEFAULT_POOL, work_queue_names=[Queue.PACKAGE])
        until(lambda: one(doctor()[1], "queue package") == "ok: 0 of 4 running, 1 due; served")
    finally:
        client.delete_flow_run(run.id)


def test_a_run_past_its_time_is_to_be_looked_at_and_then_wrong(client: SyncPrefectClient) -> None:
    client.get_scheduled_flow_runs_for_work_pool(DEFAULT_POOL, work_queue_names=[Queue.NOTIFY])
    target = deployment_id(client, Job.SEND_NOTICES)
    runs = []
    try:
        for minutes, said in ((5, "warning"), (30, "wrong")):
            at = datetime.now(UTC) - timedelta(minutes=minutes, seconds=20)
            runs.append(client.create_flow_run_from_deployment(target, state=Scheduled(scheduled_time=at)))
            late = [text for text in of(doctor()[1], "queue notify") if "past its time" in text[1]]
            assert late == [(said, f"the run {runs[-1].name} is {minutes} min past its time")]
    finally:
        for run in runs:
            client.delete_flow_run(run.id)


def test_a_run_without_a_sign_of_life_holds_a_place_and_one_with_a_heartbeat_does_not(
    client: SyncPrefectClient, server: PrefectServer
) -> None:
    target = deployment_id(client, Job.PACKAGE_REQUEST)
    runs = [client.create_flow_run_from_deployment(target, parameters={"request_id": 1}) for _ in range(2)]
    for run in runs:
        client.set_flow_run_state(run.id, Running(), force=True)
    dead, alive = runs
    api = PrefectApi(api_url=server.url, auth_string=AUTH, timeout_seconds=10)
    now = datetime.now(UTC)
    heartbeat = {
        "id": str(alive.id),
        "event": "prefect.flow-run.heartbeat",
        "occurred": (now + timedelta(seconds=60)).isoformat(),
        "resource": {"prefect.resource.id": f"prefect.flow-run.{alive.id}"},
    }
    try:
        assert [finding.state for finding in check_runs(api, now=now + timedelta(seconds=60))] == ["ok"]

        api.ask("POST", "events", [heartbeat])

        def those_wrong() -> list[str]:
            later = now + timedelta(seconds=120)
            return [finding.hint for finding in check_runs(api, now=later) if finding.state == "wrong"]

        until(lambda: those_wrong() == [f"downman prefect flow-run delete {dead.id}"])
        (found,) = [finding.found for finding in check_runs(api, now=now + timedelta(seconds=120))]
        assert found == f"{dead.name} holds a slot of package and sent no heartbeat for 90 s (worker: unknown)"
    finally:
        api.close()
        for run in runs:
            client.delete_flow_run(run.id)


def test_a_job_whose_recent_runs_all_failed_is_wrong_until_one_completes(
    client: SyncPrefectClient, server: PrefectServer, postgres: EmbeddedDatabase, folders: None, tmp_path: Path
) -> None:
    job = Job.RECOVER_STALLED

    def run_once(settings: str, database: str) -> str:
        """Let a worker run the job with these settings of Django; return the run."""
        environment = {
            **server.environment,
            "DJANGO_SETTINGS_MODULE": settings,
            "DOWNMAN_DATABASE_URL": database,
            "DOWNMAN_HOME": str(tmp_path / "home"),
        }
        run = client.create_flow_run_from_deployment(deployment_id(client, job))
        with Worker(DEFAULT_POOL, "warm-process", environment=environment, log=tmp_path / "log"):
            until(lambda: (state := client.read_flow_run(run.id).state) and state.is_final())
        return str(run.id)

    run_once("not_there.settings", "")
    _, found = doctor()
    assert one(found, f"job {job}").startswith("warning: its last run ")

    last = run_once("not_there.settings", "")
    status, found = doctor()
    assert status == ExitStatus.WRONG
    said = one(found, f"job {job}")
    assert said.startswith("wrong: all of its last 2 runs ")
    assert "No module named 'not_there'" in said
    assert "\n" not in said
    assert hints(found, f"job {job}") == [f"Its log says more: downman prefect flow-run logs {last}"]

    run_once("downman_site.settings", postgres.url(str(connection.settings_dict["NAME"])))
    _, found = doctor()
    assert of(found, f"job {job}") == []
    assert one(found, "jobs").startswith("ok: ")


def test_deployments_that_are_not_as_the_file_says_are_wrong(client: SyncPrefectClient) -> None:
    client.delete_deployment(deployment_id(client, Job.SWEEP_ORPHANS))
    notices = deployment_id(client, Job.SEND_NOTICES)
    client.update_deployment(notices, DeploymentUpdate(work_queue_name="maintenance"))
    client.create_deployment_schedules(
        notices, [DeploymentScheduleCreate(schedule=IntervalSchedule(interval=timedelta(hours=1)), slug="by-hand")]
    )
    recover = client.read_deployment_by_name(f"{Job.RECOVER_STALLED}/{Job.RECOVER_STALLED}")
    client.update_deployment_schedule(recover.id, recover.schedules[0].id, active=False)
    clean = client.read_deployment_by_name(f"{Job.CLEAN_EXPIRED}/{Job.CLEAN_EXPIRED}")
    client.update_deployment_schedule(
        clean.id, clean.schedules[0].id, schedule=IntervalSchedule(interval=timedelta(hours=6))
    )
    flow = client.create_flow_from_name("stray")
    client.create_deployment(flow, "stray", tags=[TAG], enforce_parameter_schema=False, parameter_openapi_schema={})
    client.create_deployment(
        client.create_flow_from_name(Job.PACKAGE_REQUEST), Job.PACKAGE_REQUEST, tags=[TAG], entrypoint="other.flow",
        work_pool_name=DEFAULT_POOL, work_queue_name="package", enforce_parameter_schema=False,
        parameter_openapi_schema={},
    )  # fmt: skip
    try:
        status, found = doctor()
    finally:
        run_bootstrap()

    assert status == ExitStatus.WRONG
    assert one(found, "deployment sweep-orphans") == "wrong: it is not there"
    assert one(found, "deployment send-notices") == (
        "wrong: it is on downman/maintenance, not on downman/notify; the schedule by-hand is not in the file"
    )
    assert one(found, "deployment recover-stalled") == "wrong: the schedule every-minute is paused"
    assert one(found, "deployment clean-expired") == (
        "wrong: the schedule every-20-minutes has the interval 21600 s, not 1200 s"
    )
    assert one(found, "deployment package-request") == (
        "wrong: it runs other.flow, not downman_flows.package.package_request"
    )
    assert one(found, "deployment stray").startswith("warning: ")
    assert set(hints(found, "deployment sweep-orphans")) == {"downman bootstrap"}
    assert one(doctor()[1], "deployments") == "ok: 5, as prefect.yaml says"


def test_automations_that_are_missing_or_disabled_are_wrong(client: SyncPrefectClient, server: PrefectServer) -> None:
    api = PrefectApi(api_url=server.url, auth_string=AUTH, timeout_seconds=10)
    ids = {item["name"]: item["id"] for item in api.pages("automations/filter", {}, most=200)}
    silent, dead = map(PrefectNames().to_automation, (AutomationName.SILENT_RUN, AutomationName.DEAD_RUN))
    api.ask("DELETE", f"automations/{ids[silent]}")
    api.ask("PATCH", f"automations/{ids[dead]}", {"enabled": False})
    api.close()
    try:
        assert of(doctor()[1], "automations") == [
            ("wrong", f"there is no automation {silent!r}"),
            ("wrong", f"the automation {dead!r} is disabled"),
        ]
    finally:
        run_bootstrap()
    assert one(doctor()[1], "automations") == "ok: 2, enabled"


def test_a_database_that_is_away_is_said_without_its_password_and_the_rest_is_looked_at(
    no_server: None, folders: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", HOST)
    monkeypatch.setitem(connection.settings_dict, "PORT", str(ports.any_free()))
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "the-secret")
    _, found = doctor()

    assert HOST in one(found, "database")
    assert one(found, "database").startswith("wrong: ")
    assert "the-secret" not in json.dumps(found)
    assert one(found, "package folder").startswith("ok")
    assert of(found, "orders") == []


def test_migrations_that_are_missing_or_of_a_newer_version_are_wrong(
    no_server: None, folders: None, postgres: EmbeddedDatabase
) -> None:
    name = max(path.stem for path in Path(migrations.__path__[0]).glob("[0-9]*.py"))
    with contextlib.closing(psycopg2.connect(postgres.url(connection.settings_dict["NAME"]))) as admin:
        admin.autocommit = True
        with admin.cursor() as cursor:
            rename = "UPDATE django_migrations SET name = %s WHERE app = 'downloads' AND name = %s"
            cursor.execute(rename, ["9999_later", name])
            try:
                _, found = doctor()
            finally:
                cursor.execute(rename, [name, "9999_later"])
    assert [text for _, text in of(found, "migrations")] == [
        f"not applied: downloads.{name}",
        "the database has been migrated by a newer downman: 9999_later",
    ]
    assert "downman manage migrate" in hints(found, "migrations")
    assert of(found, "orders") == []
    assert one(doctor()[1], "migrations").startswith("ok")


def test_orders_past_their_time_and_held_by_lost_workers_are_found(
    no_server: None, folders: None, resource: Resource
) -> None:
    now = timezone.now()
    first, second = order("dem"), order("dem")
    assert one(doctor()[1], "orders") == "ok: none is late; 2 are due"
    DownloadRequest.objects.filter(pk=first.pk).update(due_at=now - timedelta(minutes=30))
    assert one(doctor()[1], "orders") == "warning: 2 are due, the oldest since 30 min"
    DownloadRequest.objects.filter(pk=first.pk).update(due_at=now - timedelta(hours=3))
    DownloadRequest.objects.filter(pk=second.pk).update(
        status="packaging", due_at=None, lease_owner="gone", lease_until=now - timedelta(minutes=5)
    )
    assert of(doctor()[1], "orders") == [
        ("wrong", "1 is due, the oldest since 3 h"),
        ("wrong", "1 held by workers that are gone, since 5 min"),
    ]


def test_mails_past_their_time_or_given_up_and_missing_addresses_are_found(
    no_server: None, folders: None, resource: Resource, settings: Any
) -> None:
    settings.DOWNLOADS_ADMINISTRATORS = []
    now = timezone.now()
    order("dem", email="someone@example.org")
    Notice.objects.update(due_at=now - timedelta(hours=2))
    _, found = doctor()
    assert one(found, "mails") == "wrong: 1 is due, the oldest since 2 h"
    assert [state for state, _ in of(found, "mail addresses")] == ["warning", "warning"]

    Notice.objects.update(status="failed", last_error="550 someone@example.org is unknown")
    _, found = doctor()
    assert ("warning", "1 failed in the last day, the last one 0 s ago") in [
        (state, text.replace("1 s", "0 s")) for state, text in of(found, "mails")
    ]
    assert "someone" not in json.dumps(found)


def test_folders_that_are_not_there_or_are_none_are_found(no_server: None, settings: Any, tmp_path: Path) -> None:
    settings.DOWNLOADS_FILE_ROOTS = [tmp_path, tmp_path / "unmounted"]
    settings.DOWNLOADS_PACKAGE_DIR.write_text("a file")
    _, found = doctor()
    assert one(found, "package folder") == f"wrong: {settings.DOWNLOADS_PACKAGE_DIR} is no folder"
    assert "DOWNLOADS_PACKAGE_DIR" in hints(found, "package folder")[0]
    assert one(found, "staging folder") == f"warning: {settings.DOWNLOADS_STAGING_DIR} is not there"
    assert one(found, "file roots") == f"wrong: {tmp_path / 'unmounted'} is no folder that can be read"


def test_a_folder_on_a_disk_that_takes_nothing_is_wrong(no_server: None, settings: Any) -> None:
    settings.DOWNLOADS_PACKAGE_DIR = Path("/proc")  # root ignores modes, but not this
    assert one(doctor()[1], "package folder").startswith("wrong: /proc cannot be written to")


def test_packages_where_anybody_can_read_them_are_wrong(no_server: None, folders: None, settings: Any) -> None:
    settings.MEDIA_ROOT = settings.DOWNLOADS_PACKAGE_DIR.parent
    _, found = doctor()
    said = f"DOWNLOADS_PACKAGE_DIR is {settings.DOWNLOADS_PACKAGE_DIR}, and MEDIA_ROOT is {settings.MEDIA_ROOT}."
    assert ("wrong", f"downloads.E014: {said}") in of(found, "settings")


@pytest.mark.parametrize(
    ("limits", "state"),
    [
        ({"DOWNLOADS_PACKAGE_RESERVE_BYTES": 10**18}, "wrong"),
        ({"DOWNLOADS_STAGING_RESERVE_BYTES": 10**18}, "wrong"),
        ({"DOWNLOADS_STORAGE_BUDGET_BYTES": 1_000_000}, "warning"),
        ({}, "ok"),
    ],
)
def test_room_is_reckoned_as_workers_do(
    no_server: None, folders: None, settings: Any, limits: Mapping[str, int], state: str
) -> None:
    settings.DOWNLOADS_MAX_PUBLIC_BYTES = 2_000_000
    for name, value in limits.items():
        setattr(settings, name, value)
    assert one(doctor()[1], "room").startswith(f"{state}: ")


def test_a_setting_that_cannot_work_is_wrong_with_its_hint(no_server: None, folders: None, settings: Any) -> None:
    settings.DOWNLOADS_TYPO = 1
    _, found = doctor()
    state, text = of(found, "settings")[0]
    assert state == "wrong"
    assert text.startswith("downloads.E001: There is no setting DOWNLOADS_TYPO")


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (0, "ok: within 5 s of this machine's"),
        (-12, "warning: 12 s behind this machine's"),
        (600, "wrong: 10 min ahead of this machine's"),
    ],
)
def test_a_clock_that_differs_is_found(ahead: int, said: str) -> None:
    now = datetime.now(UTC)
    finding = compare_clocks(
        "the database", theirs=now + timedelta(seconds=ahead), before=now, after=now + timedelta(seconds=0.2)
    )
    assert f"{finding.state}: {finding.found}" == said
