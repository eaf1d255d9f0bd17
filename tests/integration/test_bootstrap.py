"""The bootstrap against a real Prefect server: complete, safe to repeat, and it takes away what is no longer wanted."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.states import Running
from prefect_email import EmailServerCredentials

from deployments import databases, ports
from deployments.bootstrap import bootstrap
from deployments.embedded_database import EmbeddedDatabase
from deployments.prefect_api import PrefectApi
from deployments.prefect_file import PREFECT_FILE, PrefectFile, read_prefect_file
from deployments.settings import PoolSettings
from django_integration.domain.jobs import WORK_POOL, Job, Queue

UP_SECONDS = 120
SCHEDULED_SECONDS = 60
AUTH = "admin:only-for-tests"
Given = TypeVar("Given")


@dataclass(frozen=True)
class PrefectServer:
    url: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    folder = tmp_path_factory.mktemp("prefect")
    database = EmbeddedDatabase(folder=folder / "postgres")
    database.start()
    try:
        databases.ensure_database(database.url("prefect"))
        port = ports.any_free()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DOWNMAN_", "PREFECT_"))},
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_API_AUTH_STRING": AUTH,
            "PREFECT_SERVER_API_AUTH_STRING": AUTH,
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": databases.prefect_url(database.url("prefect")),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_ENABLED": "false",
            "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        }
        with (folder / "server.log").open("w") as log:
            command = [sys.executable, "-m", "prefect", "server", "start", f"--port={port}"]
            server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            try:
                _until_up(environment, server, folder / "server.log")
                url = environment["PREFECT_API_URL"]
                with temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: AUTH}):
                    yield PrefectServer(url=url, environment=environment)
            finally:
                server.terminate()
                server.wait(timeout=30)
    finally:
        database.stop()


def _until_up(environment: dict[str, str], server: subprocess.Popen[bytes], log: Path) -> None:
    api = PrefectApi(environment["PREFECT_API_URL"], AUTH)
    deadline = time.monotonic() + UP_SECONDS
    while not api.is_up():
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def run_bootstrap(
    file: PrefectFile | None = None, *, lost_before: datetime | None = None, **settings: Any
) -> list[str]:
    async def all_lines() -> list[str]:
        wanted = file or read_prefect_file()
        return [line async for line in bootstrap(PoolSettings(**settings), wanted, lost_before=lost_before)]

    return asyncio.run(all_lines())


def ask(question: Callable[[PrefectClient], Awaitable[Given]]) -> Given:
    async def asked() -> Given:
        async with get_client() as client:
            return await question(client)

    return asyncio.run(asked())


def deployments() -> dict[str, Any]:
    async def read(client: PrefectClient) -> dict[str, Any]:
        return {name: await client.read_deployment_by_name(f"{name}/{name}") for name in Job}

    return ask(read)


def queues() -> dict[str, tuple[int | None, int | None]]:
    async def read(client: PrefectClient) -> dict[str, tuple[int | None, int | None]]:
        found = {queue: await client.read_work_queue_by_name(queue, work_pool_name=WORK_POOL) for queue in Queue}
        return {name: (queue.priority, queue.concurrency_limit) for name, queue in found.items()}

    return ask(read)


def test_everything_is_there_after_the_first_time(prefect_server: PrefectServer) -> None:
    run_bootstrap(package_concurrency=2, mail_host="mail.example.org", mail_port=587, mail_type="STARTTLS")

    assert queues() == {Queue.NOTIFY: (1, 1), Queue.PACKAGE: (2, 2), Queue.MAINTENANCE: (3, 1)}
    found = deployments()
    for spec in read_prefect_file().deployments:
        deployment = found[spec.name]
        assert deployment.entrypoint == spec.entrypoint
        assert (deployment.work_pool_name, deployment.work_queue_name) == (WORK_POOL, spec.work_pool.work_queue_name)
        assert [schedule.slug for schedule in deployment.schedules] == [schedule.slug for schedule in spec.schedules]
        assert deployment.pull_steps == []
    assert list(found[Job.PACKAGE_REQUEST].parameter_openapi_schema["properties"]) == ["request_id"]
    block = EmailServerCredentials.load("downman-mail")
    assert (block.smtp_server, block.smtp_port, block.smtp_type.name) == ("mail.example.org", 587, "STARTTLS")


def test_a_second_time_changes_nothing(prefect_server: PrefectServer) -> None:
    def known() -> dict[str, Any]:
        return {
            name: (item.id, [(schedule.slug, schedule.schedule.interval) for schedule in item.schedules])
            for name, item in deployments().items()
        }

    run_bootstrap()
    before = known()
    lines = run_bootstrap()

    assert known() == before
    assert not any("retired" in line for line in lines)
    assert f"work pool {WORK_POOL}: as it should be" in lines
    assert all(f"queue {queue}: as it should be" in lines for queue in Queue)


def test_changed_limits_and_ranks_are_taken_over(prefect_server: PrefectServer) -> None:
    run_bootstrap()
    run_bootstrap(package_concurrency=5, package_priority=1, notify_priority=2)
    assert queues() == {Queue.NOTIFY: (2, 1), Queue.PACKAGE: (1, 5), Queue.MAINTENANCE: (3, 1)}

    run_bootstrap()
    assert queues() == {Queue.NOTIFY: (1, 1), Queue.PACKAGE: (2, 2), Queue.MAINTENANCE: (3, 1)}


def test_what_is_no_longer_in_the_file_is_retired(prefect_server: PrefectServer) -> None:
    run_bootstrap()
    full = read_prefect_file()
    recover = next(spec for spec in full.deployments if spec.name == Job.RECOVER_STALLED)
    left = [spec for spec in full.deployments if spec.name not in {Job.RECOVER_STALLED, Job.SEND_NOTICES}]
    smaller = full.model_copy(update={"deployments": [*left, recover.model_copy(update={"schedules": []})]})

    lines = run_bootstrap(smaller)

    assert "deployment send-notices: retired" in lines
    assert "deployment recover-stalled: retired the schedule every-minute" in lines
    assert ask(lambda client: client.read_deployments(limit=200, offset=0)).__len__() == 3
    run_bootstrap()
    assert len(deployments()[Job.RECOVER_STALLED].schedules) == 1


def test_a_schedule_added_by_hand_is_retired(prefect_server: PrefectServer) -> None:
    run_bootstrap()
    target = deployments()[Job.SEND_NOTICES]
    by_hand = DeploymentScheduleCreate(schedule=IntervalSchedule(interval=timedelta(hours=1)))
    ask(lambda client: client.create_deployment_schedules(target.id, [by_hand]))

    lines = run_bootstrap()

    assert any(line.startswith("deployment send-notices: retired the schedule") for line in lines)
    assert deployments()[Job.SEND_NOTICES].schedules == []


def test_another_worker_type_gets_a_new_pool_with_everything_on_it(prefect_server: PrefectServer) -> None:
    run_bootstrap()
    run_bootstrap(worker_type="other")

    assert ask(lambda client: client.read_work_pool(WORK_POOL)).type == "other"
    assert queues()[Queue.PACKAGE] == (2, 2)
    assert {item.work_queue_name for item in deployments().values()} == set(Queue)
    run_bootstrap()


def test_runs_that_a_dead_worker_left_are_declared_lost(prefect_server: PrefectServer) -> None:
    run_bootstrap()
    target = deployments()[Job.PACKAGE_REQUEST]

    async def leave_a_run(client: PrefectClient) -> Any:
        run = await client.create_flow_run_from_deployment(target.id, parameters={"request_id": 1})
        await client.set_flow_run_state(run.id, Running(), force=True)
        return run

    run = ask(leave_a_run)
    started = datetime.now(UTC)

    assert f"run {run.name}: declared lost" not in run_bootstrap(lost_before=started - timedelta(hours=1))
    assert f"run {run.name}: declared lost" in run_bootstrap(lost_before=started)
    assert ask(lambda client: client.read_flow_run(run.id)).state_type == StateType.CRASHED


def test_the_server_makes_runs_of_the_schedules(prefect_server: PrefectServer) -> None:
    run_bootstrap()
    target = deployments()[Job.RECOVER_STALLED]
    api = prefect_server.url

    async def count(client: PrefectClient) -> int:
        body = {"deployments": {"id": {"any_": [str(target.id)]}}}
        answer = await client._client.post(f"{api}/flow_runs/count", json=body)  # noqa: SLF001 - no public call counts
        return int(answer.json())

    deadline = time.monotonic() + SCHEDULED_SECONDS
    while not ask(count):
        assert time.monotonic() < deadline, "the scheduler made no run: do Prefect and SQLAlchemy fit together?"
        time.sleep(0.5)


def test_prefects_own_command_deploys_the_same_file(prefect_server: PrefectServer) -> None:
    run_bootstrap()
    ours = {
        name: item.model_dump(exclude={"updated", "last_polled", "schedules"}) for name, item in deployments().items()
    }

    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=PREFECT_FILE.parent,
        env=prefect_server.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    theirs = {
        name: item.model_dump(exclude={"updated", "last_polled", "schedules"}) for name, item in deployments().items()
    }
    assert theirs == ours


def test_a_server_that_does_not_answer_is_one_sentence(prefect_server: PrefectServer) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deployments.bootstrap", "--wait-seconds=0.1"],
        env={**prefect_server.environment, "PREFECT_API_URL": f"http://127.0.0.1:{ports.any_free()}/api"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "did not answer" in done.stderr
