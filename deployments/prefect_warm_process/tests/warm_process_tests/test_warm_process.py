"""What the warm worker promises beyond what Prefect's own does."""

import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolUpdate
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from prefect.states import Cancelling, Scheduled

from prefect_warm_process.worker import WarmProcessWorker
from warm_process_tests.prefect_server import PrefectServer
from warm_process_tests.scenarios import LONG
from warm_process_tests.workers import ROOT, Runs, Worker, create_queue, until

KIND = "warm-process"


@pytest.fixture
def pool(request: pytest.FixtureRequest) -> str:
    """Return a pool's name of its own."""
    return str(request.node.originalname.removeprefix("test_").replace("_", "-"))[:60]


@pytest.fixture
def runs(pool: str, make_pool: Callable[[str, str], Runs]) -> Runs:
    return make_pool(pool, KIND)


def preload(client: SyncPrefectClient, pool: str, *names: str) -> None:
    """Have modules loaded by the zygotes of a pool."""
    set_variable(client, pool, "preload", list(names))


def set_variable(client: SyncPrefectClient, pool: str, name: str, value: Any) -> None:
    """Change one variable of a pool's job template."""
    job_template = WarmProcessWorker.get_default_base_job_template()
    job_template["variables"]["properties"][name]["default"] = value
    client.request(
        "PATCH",
        "/work_pools/{name}",
        path_params={"name": pool},
        json=WorkPoolUpdate(base_job_template=job_template).model_dump(mode="json", exclude_unset=True),
    )


def seconds_of(runs: Runs, run_id: UUID) -> float:
    """Return the seconds from a run's making to its end."""
    run = runs.ended(run_id)
    assert run.state_name == "Completed", run.state
    assert run.end_time is not None
    assert run.created is not None
    return float((run.end_time - run.created).total_seconds())


def seconds_to_load(*modules: str) -> float:
    """Return the seconds that an interpreter of its own takes to load modules, now and on this machine."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", f"import {', '.join(modules)}"], check=True)
    return time.monotonic() - began


def test_it_is_listed_among_the_worker_types() -> None:
    assert "warm-process" in WarmProcessWorker.get_all_available_worker_types()


def test_a_run_starts_without_loading_anything_and_without_being_polled_for(
    pool: str, runs: Runs, start: Callable[..., Worker]
) -> None:
    worker = start(pool, KIND, PREFECT_WORKER_QUERY_SECONDS="600")
    worker.zygote()
    runs.ended(runs.make("succeed"))
    taken = [seconds_of(runs, runs.make("succeed")) for _ in range(5)]
    loading = seconds_to_load("prefect.main", "prefect.flow_engine")
    # The benchmark measures; this only distinguishes them.
    assert statistics.median(taken) < loading


def test_each_run_has_a_process_of_its_own_and_leaves_none(pool: str, runs: Runs, start: Callable[..., Worker]) -> None:
    worker = start(pool, KIND)
    zygote = worker.zygote()
    made = [runs.ended(runs.make("succeed_at_last")) for _ in range(2)]
    numbers = {run.infrastructure_pid for run in made}
    assert len(numbers) == len(made)
    for run in made:
        assert all(line.endswith(f"in {run.infrastructure_pid}") for line in runs.notes(run.id))
    until(lambda: worker.processes() == [zygote])


def test_what_one_run_spoils_the_next_does_not_see(pool: str, runs: Runs, start: Callable[..., Worker]) -> None:
    worker = start(pool, KIND, FLAVOUR="plain")
    zygote = worker.zygote()
    spoilt = runs.ended(runs.make("spoil"))
    assert spoilt.state is not None
    run = runs.ended(runs.make("report_environment"))
    assert run.state is not None
    assert (run.state.message or "").startswith("FLAVOUR=plain")
    assert worker.zygote() == zygote


def test_an_environment_of_its_own_gets_a_zygote_of_its_own(
    pool: str, runs: Runs, start: Callable[..., Worker]
) -> None:
    worker = start(pool, KIND, WARM_PROCESS_MAX_IDLE_TEMPLATES="2")
    first = worker.zygote()
    for flavour in ("a", "b", "c"):
        run = runs.ended(runs.make("report_environment", job_variables={"env": {"FLAVOUR": flavour}}))
        assert run.state is not None
        assert (run.state.message or "").startswith(f"FLAVOUR={flavour}")
    until(lambda: len(worker.processes()) == 2)
    assert first not in worker.processes(), "the one that was not used for longest went"


def test_logs_and_prints_reach_the_server(pool: str, runs: Runs, start: Callable[..., Worker]) -> None:
    worker = start(pool, KIND)
    run_id = runs.make("report_environment")
    runs.ended(run_id)
    # The worker's own lines come with its next batch.
    until(lambda: "submitting flow run" in runs.logs(run_id))
    until(lambda: "Finished in state" in runs.logs(run_id))
    assert "printed by the flow" in runs.logs(run_id)
    assert "printed by the flow" in worker.said()


def test_a_running_run_is_cancelled_promptly(pool: str, runs: Runs, start: Callable[..., Worker]) -> None:
    start(pool, KIND).zygote()
    for scenario in ("wait", "block"):
        run_id = runs.make(scenario)
        runs.running(run_id)
        began = time.monotonic()
        runs.set_state(run_id, Cancelling())
        assert runs.ended(run_id).state_name == "Cancelled"
        assert time.monotonic() - began < 5
        assert runs.hooks(run_id) == ["hook Cancelling"]


def test_a_run_that_ends_before_its_worker_can_cancel_it_is_not_cancelling_for_ever(
    pool: str, runs: Runs, start: Callable[..., Worker]
) -> None:
    worker = start(pool, KIND)
    zygote = worker.zygote()
    run_id = runs.make("wait", seconds=1.5)
    runs.running(run_id)
    children = zygote.children()
    assert children
    os.kill(worker.pid, signal.SIGSTOP)
    try:
        runs.set_state(run_id, Cancelling())
        until(lambda: not zygote.children())
    finally:
        os.kill(worker.pid, signal.SIGCONT)
    assert runs.ended(run_id).state_name in {"Cancelled", "Completed"}


def test_a_queue_keeps_its_limit_when_many_runs_come_at_once(
    pool: str, runs: Runs, start: Callable[..., Worker], client: SyncPrefectClient
) -> None:
    body = {"name": "two", "concurrency_limit": 2}
    client.request("POST", "/work_pools/{work_pool_name}/queues", path_params={"work_pool_name": pool}, json=body)
    start(pool, KIND).zygote()
    with ThreadPoolExecutor(6) as pool_of_people:
        # Two of them wait for each other, so that the limit is reached however busy the machine is.
        met = [runs.make("meet", queue="two", meeting=pool) for _ in range(2)]
        made = met + list(pool_of_people.map(lambda _: runs.make("succeed", queue="two"), range(24)))
    spans = []
    for run_id in made:
        run = runs.ended(run_id)
        assert run.state_name == "Completed"
        assert run.start_time is not None
        assert run.end_time is not None
        spans.append((run.start_time.timestamp(), run.end_time.timestamp()))
    assert max(sum(begin <= start < end for begin, end in spans) for start, _ in spans) == 2


def test_a_run_for_later_takes_no_slot_before_its_time(pool: str, runs: Runs, start: Callable[..., Worker]) -> None:
    start(pool, KIND, "--limit", "1", PREFECT_WORKER_QUERY_SECONDS="600").zygote()
    at = datetime.now(tz=UTC) + timedelta(seconds=5)
    later = runs.make("succeed", state=Scheduled(scheduled_time=at))
    assert runs.ended(runs.make("succeed")).end_time < at  # type: ignore[operator]
    run = runs.ended(later)
    assert run.start_time is not None
    # Prefect's own worker polls every ten seconds.
    assert 0 <= run.start_time.timestamp() - at.timestamp() < 5


def test_when_stopped_it_lets_runs_end_and_releases_what_takes_too_long(
    pool: str, runs: Runs, start: Callable[..., Worker]
) -> None:
    worker = start(pool, KIND, WARM_PROCESS_STOP_GRACE_SECONDS="3")
    short, long = runs.make("wait", seconds=1.5), runs.make("wait", seconds=8)
    for run_id in (short, long):
        runs.running(run_id)
    waiting = runs.make("succeed", state=Scheduled(scheduled_time=datetime.now(tz=UTC) + timedelta(seconds=1)))
    below = worker.processes()
    worker.stop()
    assert worker.wait() == 0
    assert not [process for process in below if process.is_running()]
    assert runs.read(short).state_name == "Completed"
    assert runs.read(waiting).state_name in {"Scheduled", "Late"}
    released = runs.read(long).state
    assert released is not None
    assert (released.name, released.message) == ("AwaitingRetry", "Its worker stopped; the run was released.")
    start(pool, KIND)
    assert runs.ended(long).state_name == "Completed"
    assert runs.ended(waiting).state_name == "Completed"
    assert not runs.hooks(long)


def test_a_run_that_was_retried_in_its_process_can_be_released(
    pool: str, runs: Runs, start: Callable[..., Worker]
) -> None:
    worker = start(pool, KIND, WARM_PROCESS_STOP_GRACE_SECONDS="0")
    run_id = runs.make("retry_and_wait", seconds=5)
    until(lambda: "started 2" in runs.notes(run_id))
    worker.stop()
    worker.wait()
    start(pool, KIND)
    assert runs.ended(run_id).state_name == "Completed"


@pytest.mark.parametrize("at_once", [True, False])
def test_stopped_twice_it_releases_runs_immediately(
    pool: str, make_pool: Callable[[str, str], Runs], start: Callable[..., Worker], *, at_once: bool
) -> None:
    runs = make_pool(f"{pool}-{at_once}".lower(), KIND)
    worker = start(f"{pool}-{at_once}".lower(), KIND)
    run_id = runs.make("wait")
    runs.running(run_id)
    worker.stop(signal.SIGTERM)
    if not at_once:
        until(lambda: "Stopping: " in worker.said())
    worker.stop(signal.SIGINT)
    assert worker.wait(20) == 0
    assert runs.read(run_id).state_name == "AwaitingRetry"


@pytest.mark.parametrize("options", [(), ("--limit", "5")])
def test_told_to_run_once_it_ends_with_its_runs(
    make_pool: Callable[[str, str], Runs], environment: dict[str, str], tmp_path: Path, options: tuple[str, ...]
) -> None:
    pool = f"once{len(options)}"
    runs = make_pool(pool, KIND)
    made = [runs.make("wait", seconds=1), runs.make("fail")]
    worker = Worker(pool, KIND, "--run-once", *options, environment=environment, log=tmp_path / "log")
    done = worker.run_to_its_end()
    assert done.returncode == 0, done.stderr
    # The flow that fails has one of its own.
    assert done.stderr.count("Traceback") == 1, done.stderr
    assert "stopped!" in done.stdout
    assert [runs.read(run_id).state_name for run_id in made] == ["Completed", "Failed"]


def test_it_goes_on_when_nobody_reads_what_it_prints(
    pool: str, runs: Runs, environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    process = Worker(pool, KIND, environment=environment, log=log).start_for_a_hasty_reader()
    try:
        # It prints, and so does the worker when it stops.
        assert runs.ended(runs.make("report_environment")).state_name == "Completed"
        process.terminate()
        assert process.wait(timeout=60) == 0
        assert "Traceback" not in log.read_text()
        assert "BrokenPipe" not in log.read_text()
    finally:
        process.kill()
        process.wait()


def test_a_lost_zygote_takes_its_runs_along_and_the_next_run_has_a_new_one(
    pool: str, runs: Runs, start: Callable[..., Worker]
) -> None:
    worker = start(pool, KIND)
    zygote = worker.zygote()
    run_id = runs.make("wait")
    runs.running(run_id)
    zygote.kill()
    run = runs.ended(run_id)
    assert run.state_name == "Crashed"
    assert "-9" in (run.state.message or "")  # type: ignore[union-attr]
    assert runs.ended(runs.make("succeed")).state_name == "Completed"
    assert worker.zygote() != zygote


def test_without_its_worker_a_run_still_ends_and_then_its_zygote(
    pool: str, runs: Runs, start: Callable[..., Worker]
) -> None:
    worker = start(pool, KIND)
    zygote = worker.zygote()
    run_id = runs.make("wait", seconds=2)
    runs.running(run_id)
    os.kill(worker.pid, signal.SIGKILL)
    assert runs.ended(run_id).state_name == "Completed"
    until(lambda: not zygote.is_running() or zygote.status() == psutil.STATUS_ZOMBIE)


def test_changed_code_is_what_the_next_run_runs(
    pool: str, runs: Runs, start: Callable[..., Worker], client: SyncPrefectClient, tmp_path: Path
) -> None:
    module = tmp_path / "changing_flow.py"
    text = "from prefect import flow\nfrom prefect.states import Completed\n@flow(persist_result=False)\nasync def tell():\n    return Completed(message='{}')\n"  # noqa: E501
    module.write_text(text.format("old"))
    preload(client, pool, "changing_flow")
    deployment = client.create_deployment(
        client.read_deployment(runs.deployments["succeed"]).flow_id,
        f"{pool}-changing",
        entrypoint="changing_flow.tell",
        pull_steps=[],
        work_pool_name=pool,
        enforce_parameter_schema=False,
        parameter_openapi_schema={},
    )
    runs.deployments["changing"] = deployment
    worker = start(pool, KIND, PYTHONPATH=f"{tmp_path}:{ROOT}")
    zygote = worker.zygote()
    assert runs.ended(runs.make("changing")).state.message == "old"  # type: ignore[union-attr]
    module.write_text(text.format("the new"))
    until(lambda: runs.ended(runs.make("changing")).state.message == "the new")  # type: ignore[union-attr]
    until(lambda: not zygote.is_running())


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("starts_a_thread", "unsafe:starts_a_thread started a thread 'Thread-1 (sleep)'"),
        ("starts_a_process", "unsafe:starts_a_process started a process '"),
        ("connects", "unsafe:connects opened a connection"),
        ("hangs", "within 5 s"),
        ("dies", "status 7"),
    ],
)
def test_what_cannot_be_preloaded_is_said_and_runs_start_the_slow_way(
    module: str, reason: str, make_pool: Callable[[str, str], Runs], start: Callable[..., Worker],
    client: SyncPrefectClient,
) -> None:  # fmt: skip
    pool = f"unsafe-{module.replace('_', '-')}"
    runs = make_pool(pool, KIND)
    preload(client, pool, f"warm_process_tests.unsafe:{module}")
    worker = start(pool, KIND, WARM_PROCESS_LOAD_SECONDS="5" if module == "hangs" else "60")
    until(lambda: "without a zygote" in worker.said())
    assert reason in " ".join(worker.said().split())
    assert runs.ended(runs.make("succeed")).state_name == "Completed"


def test_a_working_directory_that_is_missing_is_said_without_a_traceback_of_the_zygote(
    make_pool: Callable[[str, str], Runs], start: Callable[..., Worker], client: SyncPrefectClient, tmp_path: Path
) -> None:
    pool = "nowhere"
    runs = make_pool(pool, KIND)
    set_variable(client, pool, "working_dir", str(tmp_path / "nowhere"))
    worker = start(pool, KIND)
    until(lambda: "without a zygote" in worker.said())
    assert "Traceback" not in worker.said()
    assert "could not be started in" in worker.said()
    run = runs.ended(runs.make("succeed"))
    assert run.state is not None
    assert run.state_name == "Crashed"
    assert f"{tmp_path / 'nowhere'} does not exist" in (run.state.message or "")


class Cable:
    """A connection to the server that can be cut."""

    def __init__(self, port: int) -> None:
        """Listen; everything goes to the server's `port`."""
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self.cut_off = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut every connection, and take no new one."""
        self.cut_off = True
        for end in self._open:
            with _whatever():
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def mend(self) -> None:
        """Take connections again."""
        self.cut_off = False

    def close(self) -> None:
        """End."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with _whatever():
            while True:
                near, _ = self._listener.accept()
                if self.cut_off:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._server))
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket) -> None:
        with _whatever():
            while received := one.recv(65536):
                other.sendall(received)
        for end in (one, other):
            with _whatever():
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def test_one_worker_has_no_more_runs_of_a_queue_than_the_pool_says_now(
    pool: str, runs: Runs, start: Callable[..., Worker], client: SyncPrefectClient
) -> None:
    set_variable(client, pool, "limit_per_worker", {"few": 1})
    for priority, queue in enumerate(["few", "many"], start=2):
        create_queue(client, pool, queue, priority, limit=None)
    start(pool, KIND, "--work-queue", "few", "--work-queue", "many", PREFECT_WORKER_HEARTBEAT_SECONDS="1")
    first = runs.make("wait", queue="few", seconds=LONG)
    runs.running(first)
    second = runs.make("wait", queue="few", seconds=LONG)
    # The worker gets an event of each run; with the later ones it was given the second as well.
    others = [runs.make("succeed", queue="many") for _ in range(3)]
    assert {runs.ended(run_id).state_name for run_id in others} == {"Completed"}
    assert runs.read(second).state_name in {"Scheduled", "Late"}
    set_variable(client, pool, "limit_per_worker", {"few": 2})
    runs.running(second)
    third = runs.make("wait", queue="few", seconds=0)
    runs.set_state(first, Cancelling())
    assert runs.ended(third).state_name == "Completed", "the slot of one that has ended is free again"


def test_a_worker_reports_its_memory_its_work_and_its_queues(
    pool: str, runs: Runs, start: Callable[..., Worker], client: SyncPrefectClient
) -> None:
    worker = start(pool, KIND, "--work-queue", "default", "--name", f"{pool} one")
    worker.zygote()

    def reported() -> Any:
        stats = EventFilter(
            event=EventNameFilter(name=["warm-process.worker.stats"]),
            resource=EventResourceFilter(id=[f"prefect.worker.{KIND}.{pool}-one"]),
        )
        answer = client.request(
            "POST", "/events/filter", json={"filter": stats.model_dump(mode="json"), "limit": 1}
        ).json()
        return answer["events"]

    event = until(reported)[0]
    assert event["resource"]["prefect.resource.name"] == f"{pool} one"
    stats = event["payload"]
    assert (stats["pid"], stats["queues"], stats["executing"]) == (worker.pid, ["default"], 0)
    assert 50e6 < stats["memory_bytes"] < 1e9
    assert datetime.fromisoformat(stats["started"]) <= datetime.now(UTC)


class _whatever:  # noqa: N801 - reads as a word
    """Ignore that a socket was closed meanwhile."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> bool:
        return kind is not None and issubclass(kind, OSError | ValueError)


@pytest.fixture
def cable(prefect_server: PrefectServer) -> Iterator[Cable]:
    made = Cable(int(prefect_server.url.split(":")[2].split("/")[0]))
    yield made
    made.close()


def test_it_outlives_the_loss_of_its_subscription(
    pool: str, runs: Runs, start: Callable[..., Worker], cable: Cable
) -> None:
    worker = start(pool, KIND, PREFECT_API_URL=f"http://127.0.0.1:{cable.port}/api", PREFECT_WORKER_QUERY_SECONDS="600")
    worker.zygote()
    runs.ended(runs.make("succeed"))
    kept = runs.make("wait", seconds=4)
    to_cancel = runs.make("wait")
    for run_id in (kept, to_cancel):
        runs.running(run_id)
    cable.cut()
    missed = runs.make("succeed")
    runs.set_state(to_cancel, Cancelling())
    until(lambda: "No events from the server" in worker.said())
    cable.mend()
    assert runs.ended(missed).state_name == "Completed"
    assert runs.ended(to_cancel).state_name == "Cancelled"
    assert runs.ended(kept).state_name == "Completed"
    assert seconds_of(runs, runs.make("succeed")) < 5, "it gets events again"
