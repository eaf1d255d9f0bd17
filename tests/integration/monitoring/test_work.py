"""`downman active`, `scheduled`, `reserved`, `revoked`, `registered` and `stats`, against real work in every state."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID

import psutil
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import (
    AwaitingRetry,
    Cancelled,
    Cancelling,
    Completed,
    Crashed,
    Failed,
    Late,
    Pending,
    Running,
    Scheduled,
)  # fmt: skip

from downman.domain.jobs import Job, Queue
from downman.models import DownloadRequest, Notice, Resource
from downman_ops.commands import Report, Table
from downman_ops.rendering import as_text
from downman_ops.runner import BELOW, CORNER, REST_OF_LINE
from tests.integration.monitoring.console import Said, claimed, downman, retrying
from tests.integration.orders import order
from tests.integration.prefect_server import AUTH, PrefectServer
from tests.integration.test_bootstrap import ask, deployments, run_bootstrap
from tests.integration.test_scale import TransferWatchdog, _many
from tests.integration.worker.workers import Worker, until

__all__ = ["_many"]

pytestmark = pytest.mark.django_db
WORDS = ("active", "scheduled", "reserved", "revoked", "registered", "stats")
#: Long enough for everything that a command may ask.
LATER = timedelta(hours=3)


@pytest.fixture(autouse=True)
def _catalogue(resource: Resource, roads: Resource) -> None:
    """Offer `dem` and `roads`."""


@pytest.fixture
def prefect(prefect_server: PrefectServer, settings: Any) -> Iterator[PrefectServer]:
    """Set Prefect up, and leave no run of the test behind."""
    settings.DOWNLOADS_PREFECT_API_URL = prefect_server.url
    settings.DOWNLOADS_PREFECT_API_AUTH_STRING = prefect_server.environment["PREFECT_API_AUTH_STRING"]
    run_bootstrap()
    made.clear()
    yield prefect_server
    for run_id in made:
        ask(partial(_delete, run_id=run_id))


made: list[UUID] = []


async def _delete(client: PrefectClient, *, run_id: UUID) -> None:
    await client.delete_flow_run(run_id)


def run(job: Job, *states: State[Any], at: datetime | None = None, **parameters: Any) -> str:
    """Make a run and bring it from state to state."""
    target = deployments()[job].id
    if job is Job.PACKAGE_REQUEST:
        parameters.setdefault("request_id", 0)

    async def make(client: Any) -> UUID:
        created = await client.create_flow_run_from_deployment(target, parameters=parameters)
        for state in states:
            await client.set_flow_run_state(created.id, state, force=True)
        return UUID(str(created.id))

    made.append(ask(make))
    return str(made[-1])


def rows(said: Said, table: str) -> dict[str, Any]:
    """Return the rows of a table by their runs."""
    assert said.status == 0, said.err
    return {row["run"]: row for row in said.json[table]}


def test_what_runs_is_active_with_its_order_and_what_is_being_cancelled_is_marked(prefect: PrefectServer) -> None:
    request = order("dem", "roads")
    request.locators.filter(position=0).update(bytes_done=50, bytes_total=200)
    request.locators.filter(position=1).update(bytes_done=7, bytes_total=10)
    packaging = run(Job.PACKAGE_REQUEST, Running(), request_id=request.pk)
    ending = run(Job.SEND_NOTICES, Running(), Cancelling())
    run(Job.SEND_NOTICES, Pending())
    found = rows(downman("active", "--json"), "active")
    assert set(found) == {packaging, ending}
    row = found[packaging]
    assert (row["job"], row["queue"], row["order"], row["order_status"]) == (
        "package-request",
        "package",
        request.pk,
        "queued",
    )
    assert (row["bytes_done"], row["bytes_total"], row["state"]) == (57, 210, "Running")
    assert datetime.fromisoformat(row["since"]) <= datetime.now(UTC)
    assert (found[ending]["state"], found[ending]["order"]) == ("Cancelling", None)
    assert set(rows(downman("active", "--json", "--queue", "notify"), "active")) == {ending}


def test_the_total_of_an_order_is_not_told_while_nobody_knows_it(prefect: PrefectServer) -> None:
    request = order("dem", "roads")
    request.locators.filter(position=0).update(bytes_done=50, bytes_total=200)
    request.locators.filter(position=1).update(bytes_total=None)
    packaging = run(Job.PACKAGE_REQUEST, Running(), request_id=request.pk)
    row = rows(downman("active", "--json"), "active")[packaging]
    assert (row["bytes_done"], row["bytes_total"]) == (50, None)


def test_an_order_whose_run_prefect_does_not_have_as_running_is_told_apart(prefect: PrefectServer) -> None:
    request = order("dem")
    claimed(request)
    held = downman("active", "--json").json["held"]
    assert [(row["order"], row["order_status"], row["run"]) for row in held] == [(request.pk, "packaging", "run")]
    assert held[0]["run_state"] is None
    assert "held" not in downman("active", "--json", "--queue", "notify").json


def test_an_order_is_told_apart_by_what_prefect_says_of_its_run_not_by_what_is_shown(prefect: PrefectServer) -> None:
    requests = [order("dem") for _ in range(3)]
    for request in requests:
        claimed(request)
    owners = [run(Job.PACKAGE_REQUEST, Running()) for _ in range(2)]
    owners.append(run(Job.PACKAGE_REQUEST, Running(), Completed()))
    # With one row in a table, the run that is shown is not that of the claim which ends first.
    for request, owner, minutes in zip(requests, owners, (2, 1, 3), strict=True):
        until_then = timezone.now() + timedelta(minutes=minutes)
        DownloadRequest.objects.filter(pk=request.pk).update(lease_owner=owner, lease_until=until_then)
    for most in (1, 50):
        held = downman("active", "--json", "--limit", most).json.get("held", [])
        assert {row["order"] for row in held} <= {requests[2].pk}
    assert [(row["run"], row["run_state"]) for row in held] == [(owners[2], "Completed")]


def test_what_is_to_come_is_scheduled_with_when_and_why(prefect: PrefectServer) -> None:
    request = retrying()
    request.refresh_from_db()
    at = datetime.now(UTC) + LATER
    future = run(
        Job.PACKAGE_REQUEST,
        Scheduled(scheduled_time=at),
        request_id=request.pk,
    )
    late = run(Job.PACKAGE_REQUEST, Late(scheduled_time=datetime.now(UTC) - LATER))
    again = run(Job.PACKAGE_REQUEST, Running(), AwaitingRetry(scheduled_time=at, message="Handed back."))
    run(Job.PACKAGE_REQUEST, Completed())
    said = downman("scheduled", "--json")
    found = rows(said, "scheduled")
    assert {name: found[name]["state"] for name in (future, late, again)} == {
        future: "Scheduled",
        late: "Late",
        again: "AwaitingRetry",
    }
    assert abs(datetime.fromisoformat(found[future]["planned"]) - at) < timedelta(seconds=1)
    assert (found[future]["order"], found[again]["message"]) == (request.pk, "Handed back.")
    waiting = [row for row in said.json["orders"] if row["order"] == request.pk]
    assert [(row["status"], row["attempt"]) for row in waiting] == [("queued", request.attempt)]
    assert request.due_at is not None
    assert abs(datetime.fromisoformat(waiting[0]["at"]) - request.due_at) < timedelta(seconds=1)
    retries = [row for row in said.json["retries"] if row["order"] == request.pk]
    # Which is tried first is left to chance.
    assert sorted((row["resource"], row["problem"], row["failures"]) for row in retries) == [
        ("dem", "transfer-interrupted", 1),
        ("roads", "transfer-interrupted", 1),
    ]


def test_of_each_schedule_the_next_run_is_shown(prefect: PrefectServer) -> None:
    # The server's scheduler plans them by itself, a hundred ahead.
    def planned() -> list[str]:
        found = downman("scheduled", "--json", "--queue", "maintenance").json["scheduled"]
        return sorted(row["job"] for row in found)

    until(lambda: planned() == ["clean-expired", "recover-stalled", "sweep-orphans"])


def test_mails_that_wait_are_scheduled_without_an_address(prefect: PrefectServer) -> None:
    request = order("dem")
    notice = Notice.objects.get(request=request)
    Notice.objects.filter(pk=notice.pk).update(status="retrying", attempts=2, due_at=timezone.now() + LATER)
    said = downman("scheduled", "--json", "--queue", "notify")
    assert [(row["mail"], row["status"], row["attempts"]) for row in said.json["mails"]] == [(notice.pk, "retrying", 2)]
    assert request.email not in said.out
    assert "orders" not in said.json


def test_what_a_worker_has_taken_and_not_started_is_reserved(prefect: PrefectServer) -> None:
    request = order("dem")
    taken = run(Job.PACKAGE_REQUEST, Pending(), request_id=request.pk)
    run(Job.PACKAGE_REQUEST, Running())
    found = rows(downman("reserved", "--json"), "reserved")
    assert set(found) == {taken}
    assert (found[taken]["order"], found[taken]["queue"]) == (request.pk, "package")


def test_what_was_cancelled_crashed_or_failed_is_revoked(prefect: PrefectServer) -> None:
    cancelled = run(Job.PACKAGE_REQUEST, Running(), Cancelled(message="By hand."))
    purged = run(Job.PACKAGE_REQUEST, Cancelled(name="Purged"))
    crashed = run(Job.PACKAGE_REQUEST, Running(), Crashed(message="Its worker is gone.\nTraceback"))
    failed = run(Job.SEND_NOTICES, Running(), Failed())
    run(Job.SEND_NOTICES, Completed())
    gone = order("dem")
    downman("cancel", gone.pk, "--yes", "--as", "root")
    said = downman("revoked", "--json")
    found = rows(said, "runs")
    assert {name: found[name]["state"] for name in (cancelled, purged)} == {cancelled: "Cancelled", purged: "Purged"}
    assert found[cancelled]["message"] == "By hand."
    ended = rows(said, "crashed")
    assert {ended[crashed]["state"], ended[failed]["state"]} == {"Crashed", "Failed"}
    assert ended[crashed]["message"] == "Its worker is gone."
    assert said.json["orders"][0]["order"] == gone.pk
    assert said.json["orders"][0]["by"] == "root"
    assert gone.email not in said.out


def test_what_was_cancelled_last_comes_first_however_old_the_order_is(prefect: PrefectServer) -> None:
    old, new = order("dem"), order("dem")
    for request in (new, old):
        downman("cancel", request.pk, "--yes", "--as", "root")
    said = downman("revoked", "--json", "--limit", "1")
    assert [row["order"] for row in said.json["orders"]] == [old.pk]


def test_everything_that_is_registered_is_shown_also_what_is_paused(prefect: PrefectServer) -> None:
    target = deployments()[Job.CLEAN_EXPIRED].id
    ask(lambda client: client.pause_deployment(target))
    try:
        said = downman("registered", "--json")
    finally:
        ask(lambda client: client.resume_deployment(target))
    jobs = {row["job"]: row for row in said.json["deployments"]}
    assert set(jobs) == {job.value for job in Job}
    assert jobs["clean-expired"]["state"] == "paused"
    assert jobs["package-request"]["runs"] == "on demand"
    assert jobs["recover-stalled"]["runs"].startswith("every 60 s")
    assert jobs["sweep-orphans"]["flow"] == "downman_flows.maintenance.sweep_orphans"
    queues = {row["queue"]: (row["limit"], row["priority"], row["state"]) for row in said.json["queues"]}
    assert queues["package"] == (4, 2, "open")
    assert said.json["pool"] == [{"pool": "downman", "type": "warm-process", "limit": None, "state": "open"}]


def test_workers_and_queues_tell_what_they_did(prefect: PrefectServer, tmp_path: Path) -> None:
    environment = {
        **prefect.environment,
        "DJANGO_SETTINGS_MODULE": "no_such_settings",
    }
    with ExitStack() as stack:
        stack.enter_context(
            Worker("downman", "warm-process", "--name", "stats one", environment=environment, log=tmp_path / "log")
        )
        # It cannot succeed without settings; what counts is that it was run by this worker.
        failing = run(Job.SEND_NOTICES)
        until(lambda: failing in rows(downman("revoked", "--json"), "crashed"))
        said = downman("stats", "--json")
        until(lambda: _worker(downman("stats", "--json"))["memory_bytes"])
        worker = _worker(downman("stats", "--json"))
    assert rows(downman("revoked", "--json"), "crashed")[failing]["worker"] == "stats one"
    assert (worker["status"], worker["queues"]) == ("online", "all")
    assert worker["failed"] >= 1
    assert 50e6 < worker["memory_bytes"] < 1e9
    queues = {row["queue"]: row for row in said.json["queues"]}
    assert queues["notify"]["failed"] >= 1
    assert queues["notify"]["limit"] == 2


def _worker(said: Said) -> dict[str, Any]:
    return next(row for row in said.json["workers"] if row["worker"] == "stats one")


def test_times_are_those_of_the_completed_runs(prefect: PrefectServer) -> None:
    for _ in range(3):
        run(Job.PACKAGE_REQUEST, Running(), Completed())
    run(Job.PACKAGE_REQUEST, Running(), Failed())

    async def read(client: Any) -> list[float]:
        completed = FlowRunFilter(state={"type": {"any_": ["COMPLETED"]}})
        found = await client.read_flow_runs(flow_run_filter=completed, sort=FlowRunSort.END_TIME_DESC, limit=200)
        return sorted(found.total_run_time.total_seconds() for found in found if found.work_queue_name == Queue.PACKAGE)

    seconds = ask(read)
    queue = next(row for row in downman("stats", "--json").json["queues"] if row["queue"] == "package")
    assert queue["completed"] == len(seconds) >= 3
    assert queue["failed"] >= 1
    assert queue["mean_seconds"] == pytest.approx(fmean(seconds))
    assert seconds[len(seconds) // 2] <= queue["p95_seconds"] <= seconds[-1]


def _to_come() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = downman("scheduled", "--json", "--limit", "1000").json["scheduled"]
    return found


def _jobs_to_come() -> set[str]:
    return {row["job"] for row in _to_come()}


def test_no_more_is_shown_than_asked_for_and_the_rest_is_counted(prefect: PrefectServer) -> None:
    for _ in range(3):
        run(
            Job.SEND_NOTICES,
            Scheduled(scheduled_time=datetime.now(UTC) + LATER),
        )
    said = downman("scheduled", "--queue", "notify", "--limit", "2")
    assert "2 of 3 runs; --limit shows more." in said.out
    # Runs that schedules have planned ahead, of which the next of each is shown, are not among those. The server plans
    # them by itself, and its automations may have asked for others.
    until(lambda: len(_jobs_to_come() & {"clean-expired", "recover-stalled", "sweep-orphans"}) == 3)
    until(lambda: f"2 of {len(_to_come()) - 3} runs; --limit shows more." in downman("scheduled", "--limit", "2").out)
    for wrong in ("0", "1001", "many"):
        with pytest.raises(CommandError, match="write a number from 1 to 1000"):
            call_command("downman", "scheduled", "--limit", wrong)


@pytest.mark.parametrize("word", WORDS)
def test_with_prefect_away_nothing_is_guessed(word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "downman_site.manage", "downman", word, "--json"],
        env={**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("Prefect's server does not answer (ConnectError).")
    assert "PREFECT_API_URL" in done.stderr


def test_watching_goes_on_while_prefect_is_away() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "downman_site.manage", "downman", "active", "--watch", "0.1"],
        env={**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr:
        lines = [process.stderr.readline() for _ in range(3)]
        process.send_signal(2)
        assert process.wait(timeout=20) == 0
    assert all("does not answer" in line for line in lines)


class Watched:
    """`downman WORD --watch` in a terminal of 100 columns, and what is on it."""

    def __init__(self, *words: str, environment: Mapping[str, str], lines: int = 30) -> None:
        self._screen, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 100, 0, 0))
        inherited = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "downman_site.manage", "downman", *words, "--watch", "0.1"],
            env={**inherited, **environment},
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)

    def shows(self, words: str, *, seconds: float = 60.0) -> str:
        """Return the next whole frame that has these words."""
        deadline, frame = time.monotonic() + seconds, ""
        while True:
            ready, _, _ = select.select([self._screen], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{words!r} was not shown in {seconds} s: {frame}"
            frame += os.read(self._screen, 4096).decode()
            *whole, frame = frame.split(BELOW)
            for one in whole:
                if words in " ".join(one.replace(REST_OF_LINE, "").split()):
                    return one

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            assert self._process.wait(timeout=20) == 0
        finally:
            self._process.kill()
            os.close(self._screen)


def test_watching_goes_on_when_prefect_is_back(prefect: PrefectServer) -> None:
    environment = {"PREFECT_API_URL": prefect.url, "PREFECT_API_AUTH_STRING": AUTH}
    with Watched("registered", environment=environment) as watched:
        frame = watched.shows("downman_flows.package.package_request")
        lines = frame.replace(REST_OF_LINE, "").replace(CORNER, "").splitlines()
        assert lines[0].startswith("downman registered at ")
        assert max(map(len, lines)) <= 100
        server = psutil.Process(prefect.pid)
        stopped = [server, *server.children(recursive=True)]
        try:
            for process in stopped:
                process.suspend()
            watched.shows("Prefect's server does not answer (ReadTimeout). Orders are kept")
        finally:
            for process in stopped:
                process.resume()
        watched.shows("downman_flows.package.package_request")


def test_a_table_that_is_higher_than_the_terminal_is_cut(prefect: PrefectServer) -> None:
    environment = {"PREFECT_API_URL": prefect.url, "PREFECT_API_AUTH_STRING": AUTH}
    with Watched("registered", environment=environment, lines=10) as watched:
        assert watched.shows("There is more than this terminal has lines").count("\n") < 10


def _database() -> str:
    where = connection.settings_dict
    return f"postgresql://{where['USER']}@/{where['NAME']}?host={quote(where['HOST'])}"


def test_watching_goes_on_with_another_connection_when_one_is_lost(prefect: PrefectServer) -> None:
    environment = {"PREFECT_API_URL": prefect.url, "PREFECT_API_AUTH_STRING": AUTH, "PGAPPNAME": "watching"}
    with Watched("revoked", environment={**environment, "DOWNMAN_DATABASE_URL": _database()}) as watched:
        watched.shows("Orders that were cancelled")
        (lost,) = _connections_of("watching")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [lost])
        until(lambda: _connections_of("watching") - {lost})
        watched.shows("Orders that were cancelled")


def _connections_of(application: str) -> set[int]:
    with connection.cursor() as cursor:
        # Else a transaction sees what it saw before.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [application])
        return {pid for (pid,) in cursor.fetchall()}


def test_without_the_database_one_sentence_says_so_without_its_password(prefect: PrefectServer) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "downman_site.manage", "downman", "scheduled", "--json"],
        env={
            **os.environ,
            "PREFECT_API_URL": prefect.url,
            "PREFECT_API_AUTH_STRING": AUTH,
            "DOWNMAN_DATABASE_URL": "postgresql://downman:hush@127.0.0.1:9/downman",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The database cannot be used: ")
    assert "hush" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_may_have_read_enough(prefect: PrefectServer) -> None:
    environment = {"PREFECT_API_URL": prefect.url, "PREFECT_API_AUTH_STRING": AUTH}
    process = subprocess.Popen(
        [sys.executable, "-m", "downman_site.manage", "downman", "registered", "--watch", "0.1"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.communicate(timeout=20)[1] == b""
    assert process.returncode == -signal.SIGPIPE


@pytest.mark.parametrize("word", WORDS)
def test_it_costs_by_what_is_shown_not_by_what_there_is(
    word: str,
    prefect: PrefectServer,
    _many: None,  # noqa: PT019 - its value is not needed, its order is
) -> None:
    watch = TransferWatchdog()
    with connection.execute_wrapper(watch):
        assert downman(word).status == 0
    assert watch.complaints == []
    assert DownloadRequest.objects.count() >= 100_000


def test_words_are_folded_into_a_terminal_and_names_stay_whole() -> None:
    table = Table(
        name="findings",
        title="Findings",
        columns={"part": "part", "found": "found", "run": "run"},
        rows=[("queue", "one two three four five six seven eight nine ten", "cc425205-e4bb-4d9a-ad53-173967fd00fe")],
    )
    folded = as_text(Report(tables=[table]), width=76)
    assert max(map(len, folded.splitlines())) <= 76
    assert "cc425205-e4bb-4d9a-ad53-173967fd00fe" in folded
    assert len(as_text(Report(tables=[table])).splitlines()) == 3


def test_what_somebody_wrote_moves_no_cursor() -> None:
    table = Table(name="t", title="T", columns={"a": "a"}, rows=[("red \x1b[31m\nline",)])
    text = as_text(Report(tables=[table]))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 3
