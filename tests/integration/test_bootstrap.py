"""The bootstrap against a real Prefect server: complete, safe to repeat, and it takes away what is no longer wanted."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolUpdate
from prefect.client.schemas.filters import WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.events.schemas.automations import AutomationCore
from prefect.events.worker import EventsWorker
from prefect.states import Running
from prefect_email import EmailServerCredentials

from downman.domain.jobs import DEFAULT_POOL, Job, Queue
from downman_ops.launch import ports
from downman_ops.prefect_setup.bootstrap import bootstrap
from downman_ops.prefect_setup.prefect_file import PREFECT_FILE, PrefectFile, read_prefect_file
from downman_ops.settings import PoolSettings
from tests.console_script import DOWNMAN
from tests.integration.prefect_server import PrefectServer

SCHEDULED_SECONDS = 60
#: In a checkout with a remote, the command names the version for the commit; we name it for the flow's own content.
INCOMPARABLE = {"updated", "last_polled", "schedules", "version", "version_id", "version_info"}
#: What the server sets of an automation.
READ_ONLY = {"id", "owner_resource"}
Given = TypeVar("Given")


def run_bootstrap(
    file: PrefectFile | None = None, *, crashed_before: datetime | None = None, **settings: Any
) -> list[str]:
    async def all_lines() -> list[str]:
        wanted = file or read_prefect_file()
        return [line async for line in bootstrap(PoolSettings(**settings), wanted, crashed_before=crashed_before)]

    try:
        return asyncio.run(all_lines())
    finally:
        # Otherwise the thread that tells Prefect of events stays: its pings draw from the global random numbers for as
        # long as pytest runs, which Hypothesis takes for a fault of whatever it tests at that moment.
        EventsWorker.drain_all()


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
        found = {queue: await client.read_work_queue_by_name(queue, work_pool_name=DEFAULT_POOL) for queue in Queue}
        return {name: (queue.priority, queue.concurrency_limit) for name, queue in found.items()}

    return ask(read)


def when(deployment: Any) -> list[object]:
    """Return the times of a deployment's schedules; the moment from which an interval counts is made anew each time."""
    return [getattr(schedule.schedule, "interval", None) or schedule.schedule.cron for schedule in deployment.schedules]


def test_everything_is_there_after_the_first_time(prefect_server: PrefectServer) -> None:
    run_bootstrap(package_concurrency=2, mail_host="mail.example.org", mail_port=587, mail_type="STARTTLS")

    assert queues() == {Queue.NOTIFY: (1, 2), Queue.PACKAGE: (2, 2), Queue.MAINTENANCE: (3, 2)}
    found = deployments()
    for spec in read_prefect_file().deployments:
        deployment = found[spec.name]
        assert deployment.entrypoint == spec.entrypoint
        assert (deployment.work_pool_name, deployment.work_queue_name) == (DEFAULT_POOL, spec.work_pool.work_queue_name)
        assert [schedule.slug for schedule in deployment.schedules] == [schedule.slug for schedule in spec.schedules]
        assert deployment.pull_steps == []
    assert list(found[Job.PACKAGE_REQUEST].parameter_openapi_schema["properties"]) == ["request_id"]
    block = EmailServerCredentials.load("downman-mail")
    assert (block.smtp_server, block.smtp_port, block.smtp_type.name) == ("mail.example.org", 587, "STARTTLS")


def test_a_second_time_changes_nothing(prefect_server: PrefectServer) -> None:
    def known() -> dict[str, Any]:
        return {
            name: (item.id, [schedule.slug for schedule in item.schedules], when(item))
            for name, item in deployments().items()
        }

    run_bootstrap()
    before = known()
    lines = run_bootstrap()

    assert known() == before
    assert not any("retired" in line for line in lines)
    assert f"work pool {DEFAULT_POOL}: unchanged" in lines
    assert all(f"queue {queue}: unchanged" in lines for queue in Queue)


def test_two_setups_of_a_new_pool_at_once_are_one(prefect_server: PrefectServer) -> None:
    settings, file = PoolSettings(pool="hurried"), read_prefect_file()

    async def both() -> tuple[list[str], list[str]]:
        async def one() -> list[str]:
            return [line async for line in bootstrap(settings, file)]

        return await asyncio.gather(one(), one())

    try:
        first, second = asyncio.run(both())
    finally:
        EventsWorker.drain_all()
    lines = first + second
    assert lines.count("work pool hurried: created, type warm-process") == 1
    assert lines.count("work pool hurried: created by another setup at the same time") == 1
    status, text = show(prefect_server, DOWNMAN_POOL="hurried")
    assert status == 0, text


def test_automations_are_there_once_and_are_restored(prefect_server: PrefectServer) -> None:
    def known() -> dict[str, Any]:
        return {item.name: item for item in ask(lambda client: client.read_automations()) if "downman" in item.name}

    run_bootstrap()
    crashed, taken_up = sorted(known())
    first, second = known()[crashed], known()[taken_up]
    off = AutomationCore(**{**first.model_dump(exclude=READ_ONLY), "enabled": False})
    ask(lambda client: client.update_automation(first.id, off))
    twin = AutomationCore(**second.model_dump(exclude=READ_ONLY))
    ask(lambda client: client.create_automation(twin))

    lines = run_bootstrap()
    assert f"automation {crashed!r}: updated" in lines
    assert known()[crashed].enabled
    assert len(ask(lambda client: client.read_automations_by_name(taken_up))) == 1
    assert f"automation {crashed!r}: unchanged" in run_bootstrap()


def test_changed_limits_and_ranks_are_taken_over(prefect_server: PrefectServer) -> None:
    run_bootstrap()
    run_bootstrap(package_concurrency=5, package_priority=1, notify_priority=2)
    assert queues() == {Queue.NOTIFY: (2, 2), Queue.PACKAGE: (1, 5), Queue.MAINTENANCE: (3, 2)}

    run_bootstrap()
    assert queues() == {Queue.NOTIFY: (1, 2), Queue.PACKAGE: (2, 4), Queue.MAINTENANCE: (3, 2)}


def test_what_is_no_longer_in_the_file_is_retired(prefect_server: PrefectServer) -> None:
    run_bootstrap()
    full = read_prefect_file()
    recover = next(spec for spec in full.deployments if spec.name == Job.RECOVER_STALLED)
    left = [spec for spec in full.deployments if spec.name not in {Job.RECOVER_STALLED, Job.SEND_NOTICES}]
    smaller = full.model_copy(update={"deployments": [*left, recover.model_copy(update={"schedules": []})]})

    lines = run_bootstrap(smaller)

    assert "deployment send-notices: retired" in lines
    assert "deployment recover-stalled: retired the schedule every-minute" in lines
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[DEFAULT_POOL]))
    there = ask(lambda client: client.read_deployments(work_pool_filter=ours))
    # Other tests may have deployments there as well.
    known = {spec.name for spec in full.deployments}
    assert {found.name for found in there} & known == known - {Job.SEND_NOTICES}
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

    assert ask(lambda client: client.read_work_pool(DEFAULT_POOL)).type == "other"
    assert queues()[Queue.PACKAGE] == (2, 4)
    assert {item.work_queue_name for item in deployments().values()} == set(Queue)
    run_bootstrap()


def test_what_a_warm_worker_preloads_follows_the_settings_and_the_rest_of_its_template_stays(
    prefect_server: PrefectServer,
) -> None:
    run_bootstrap()
    template = ask(lambda client: client.read_work_pool(DEFAULT_POOL)).base_job_template
    variables = template["variables"]["properties"]
    assert variables["preload"]["default"] == ["downman_flows.preload:load"]
    variables["env"]["default"] = {"BY": "hand"}
    ask(lambda client: client.update_work_pool(DEFAULT_POOL, WorkPoolUpdate(base_job_template=template)))

    run_bootstrap(preload=["json"])

    variables = ask(lambda client: client.read_work_pool(DEFAULT_POOL)).base_job_template["variables"]["properties"]
    assert variables["preload"]["default"] == ["json"]
    assert variables["env"]["default"] == {"BY": "hand"}
    run_bootstrap()


def show(server: PrefectServer, **variables: str) -> tuple[int, str]:
    done = subprocess.run(
        [DOWNMAN, "bootstrap", "--show"],
        env={**server.environment, **variables, "DOWNMAN_HOME": server.environment["PREFECT_HOME"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_what_is_in_force_is_shown_with_what_differs_and_nothing_is_changed(prefect_server: PrefectServer) -> None:
    run_bootstrap(package_per_worker=2, mail_user="portal", mail_password="first")
    same = {"DOWNMAN_PACKAGE_PER_WORKER": "2", "DOWNMAN_MAIL_USER": "portal", "DOWNMAN_MAIL_PASSWORD": "first"}
    status, text = show(prefect_server, **same)
    assert status == 0, text
    assert text.endswith("Prefect holds what the settings say.\n")

    wished = {**same, "DOWNMAN_PACKAGE_CONCURRENCY": "7", "DOWNMAN_PACKAGE_PER_WORKER": "3"}
    wished["DOWNMAN_MAIL_PASSWORD"] = "second"
    for _ in range(2):
        status, text = show(prefect_server, **wished)
        assert status == 1
        marked = [line.split() for line in text.splitlines() if line.lstrip().startswith("*")]
        assert [(line[-3], line[-2]) for line in marked if line[-1].startswith("DOWNMAN_PACKAGE")] == [
            ("2", "3"),
            ("4", "7"),
        ]
        assert [line[-1] for line in marked][-1] == "DOWNMAN_MAIL_PASSWORD"
        assert len(marked) == 3
        assert "first" not in text
        assert "second" not in text

    done = ask(lambda client: client.read_work_pool(DEFAULT_POOL)).base_job_template["variables"]["properties"]
    assert done["limit_per_worker"]["default"] == {"package": 2}
    run_bootstrap()


def test_a_pool_of_an_earlier_version_learns_what_it_did_not_declare(prefect_server: PrefectServer) -> None:
    run_bootstrap()
    template = ask(lambda client: client.read_work_pool(DEFAULT_POOL)).base_job_template
    del template["variables"]["properties"]["limit_per_worker"]
    ask(lambda client: client.update_work_pool(DEFAULT_POOL, WorkPoolUpdate(base_job_template=template)))

    run_bootstrap(package_per_worker=1)

    variables = ask(lambda client: client.read_work_pool(DEFAULT_POOL)).base_job_template["variables"]["properties"]
    assert variables["limit_per_worker"]["default"] == {"package": 1}
    assert variables["limit_per_worker"]["title"] == "Limit per worker"
    run_bootstrap()


def test_runs_that_a_dead_worker_left_are_declared_crashed(prefect_server: PrefectServer) -> None:
    run_bootstrap()
    target = deployments()[Job.PACKAGE_REQUEST]

    async def leave_a_run(client: PrefectClient) -> Any:
        run = await client.create_flow_run_from_deployment(target.id, parameters={"request_id": 1})
        await client.set_flow_run_state(run.id, Running(), force=True)
        return run

    run = ask(leave_a_run)
    started = datetime.now(UTC)

    assert f"run {run.name}: declared crashed" not in run_bootstrap(crashed_before=started - timedelta(hours=1))
    assert f"run {run.name}: declared crashed" in run_bootstrap(crashed_before=started)
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
    ours = {name: item.model_dump(exclude=INCOMPARABLE) for name, item in deployments().items()}

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
    theirs = {name: item.model_dump(exclude=INCOMPARABLE) for name, item in deployments().items()}
    assert theirs == ours


def test_a_server_that_does_not_answer_is_one_sentence(prefect_server: PrefectServer) -> None:
    done = subprocess.run(
        [DOWNMAN, "bootstrap", "--wait-seconds=0.1"],
        env={
            **prefect_server.environment,
            "PREFECT_API_URL": f"http://127.0.0.1:{ports.any_free()}/api",
            "DOWNMAN_HOME": prefect_server.environment["PREFECT_HOME"],
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "did not answer" in done.stderr
