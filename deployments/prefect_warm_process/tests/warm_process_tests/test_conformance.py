"""The same scenarios, run by Prefect's own process worker and by the warm one, must end the same."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.states import Cancelling, Scheduled

from warm_process_tests.test_warm_process import preload
from warm_process_tests.workers import Runs, Worker, create_queue, until

KINDS = ("process", "warm-process")
#: The warm one, where nothing can be forked.
UNFORKED = "unforked"


@dataclass(frozen=True)
class Outcome:
    """How a run ended, as a person sees it."""

    state: str
    name: str
    message: str | None
    hooks: tuple[str, ...]


#: Scenarios that need nobody, with their parameters.
ALONE: Mapping[str, Mapping[str, Any]] = {
    "succeed": {},
    "succeed_sync": {},
    "fail": {},
    "be_killed": {},
    "leave": {},
    "time_out": {},
    "succeed_at_last": {},
}
#: Scenarios that are cancelled while they run.
CANCELLED = ("wait", "block")


def play(runs: Runs, worker: Worker) -> dict[str, Outcome]:
    """Run every scenario, all at once, and give how each ended."""
    made = {name: runs.make(name, **parameters) for name, parameters in ALONE.items()}
    made |= {f"cancelled {name}": runs.make(name) for name in CANCELLED}
    later: State[None] = Scheduled(scheduled_time=datetime.now(tz=UTC) + timedelta(hours=1))
    made["cancelled before"] = runs.make("succeed", state=later)
    runs.set_state(made["cancelled before"], Cancelling())
    made["environment"] = runs.make("report_environment", job_variables={"env": {"FLAVOUR": "vanilla"}})
    made["no environment"] = runs.make("report_environment")
    made["no such module"] = runs.make("missing")
    made["copied module"] = runs.make("copied")
    for name in CANCELLED:
        run_id = made[f"cancelled {name}"]
        runs.running(run_id)
        runs.set_state(run_id, Cancelling())
    for run_id in made.values():
        runs.ended(run_id)
    # Hooks of a crash run after its state was set.
    until(worker.is_idle)
    return {name: outcome(runs, run_id) for name, run_id in made.items()}


def outcome(runs: Runs, run_id: UUID) -> Outcome:
    """Wait for a run's end and give how it was."""
    run = runs.ended(run_id)
    assert run.state is not None
    message = run.state.message and re.sub(r"\d+(\.\d+)? second|tmp\w+prefect|[0-9a-f-]{36}", "…", run.state.message)
    return Outcome(run.state.type.value, run.state.name or "", message, tuple(runs.hooks(run_id)))


@pytest.fixture(scope="module")
def outcomes(
    make_pool: Callable[[str, str], Runs],
    environment: dict[str, str],
    client: SyncPrefectClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, dict[str, Outcome]]:
    """Return how every scenario ended with each kind of worker."""
    found = {}
    for way in (*KINDS, UNFORKED):
        pool = f"conformance-{way}"
        kind = "warm-process" if way == UNFORKED else way
        runs = make_pool(pool, kind)
        if way == UNFORKED:
            preload(client, pool, "warm_process_tests.unsafe:connects")
        log = tmp_path_factory.mktemp(pool) / "worker.log"
        with Worker(pool, kind, environment=environment, log=log) as worker:
            worker.has_zygotes = way == "warm-process"
            found[way] = play(runs, worker)
            assert ("without a zygote" in worker.said()) is (way == UNFORKED)
    return found


NAMES = [*ALONE, *(f"cancelled {name}" for name in CANCELLED), "cancelled before", "environment", "no environment",
         "no such module", "copied module"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_run_ends_as_with_prefects_own_worker(name: str, outcomes: dict[str, dict[str, Outcome]]) -> None:
    expected = outcomes["process"][name]
    assert {way: outcomes[way][name] for way in ("warm-process", UNFORKED)} == {
        "warm-process": expected,
        UNFORKED: expected,
    }


def test_the_scenarios_do_what_they_are_for(outcomes: dict[str, dict[str, Outcome]]) -> None:
    ends = {name: ended.name for name, ended in outcomes["warm-process"].items()}
    assert ends == {
        "succeed": "Completed",
        "succeed_sync": "Completed",
        "fail": "Failed",
        "be_killed": "Crashed",
        "leave": "Crashed",
        "time_out": "TimedOut",
        "succeed_at_last": "Completed",
        "cancelled wait": "Cancelled",
        "cancelled block": "Cancelled",
        "cancelled before": "Cancelled",
        "environment": "Completed",
        "no environment": "Completed",
        "no such module": "Crashed",
        "copied module": "Completed",
    }
    warm = outcomes["warm-process"]
    assert warm["be_killed"].hooks == ("hook Crashed",)
    assert "-9" in (warm["be_killed"].message or "")
    assert "3" in (warm["leave"].message or "")
    assert warm["cancelled block"].hooks == ("hook Cancelling",)
    assert "FLAVOUR=vanilla" in (warm["environment"].message or "")
    assert "FLAVOUR=None" in (warm["no environment"].message or "")


@pytest.mark.parametrize("kind", KINDS)
def test_queues_keep_their_limits_and_priorities(
    kind: str, make_pool: Callable[[str, str], Runs], client: SyncPrefectClient, start: Callable[..., Worker]
) -> None:
    pool = f"queues-{kind}"
    runs = make_pool(pool, kind)
    for queue, priority in {"low": 3, "high": 2}.items():
        create_queue(client, pool, queue, priority)
    low = [runs.make("wait", queue="low", seconds=0.2) for _ in range(2)]
    high = [runs.make("wait", queue="high", seconds=0.2) for _ in range(2)]
    start(pool, kind, "--limit", "2")
    spans = {run_id: span(runs, run_id) for run_id in (*low, *high)}
    assert not overlap(*(spans[run_id] for run_id in low)), "the queue's limit is one"
    assert not overlap(*(spans[run_id] for run_id in high)), "the queue's limit is one"


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_keeps_its_limit_and_serves_the_higher_priority_first(
    kind: str, make_pool: Callable[[str, str], Runs], client: SyncPrefectClient, start: Callable[..., Worker]
) -> None:
    pool = f"priorities-{kind}"
    runs = make_pool(pool, kind)
    for queue, priority in {"low": 3, "high": 2}.items():
        create_queue(client, pool, queue, priority, limit=None)
    low = runs.make("wait", queue="low", seconds=0.2)
    high = [runs.make("wait", queue="high", seconds=0.2) for _ in range(2)]
    start(pool, kind, "--limit", "1")
    first, second = sorted(span(runs, run_id) for run_id in high)
    assert first[1] <= second[0]
    assert second[1] <= span(runs, low)[0]


def span(runs: Runs, run_id: UUID) -> tuple[float, float]:
    """Return when a run's own code began and ended."""
    assert runs.ended(run_id).state_name == "Completed"
    times = {line.split()[0]: float(line.split()[1]) for line in runs.notes(run_id)}
    return times["started"], times["ended"]


def overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_can_be_suspended_and_goes_on_in_another_process(
    kind: str, make_pool: Callable[[str, str], Runs], start: Callable[..., Worker]
) -> None:
    pool = f"suspend-{kind}"
    runs = make_pool(pool, kind)
    start(pool, kind)
    run_id = runs.make("suspend")
    until(lambda: runs.read(run_id).state_name == "Suspended")
    runs.client.request("POST", "/flow_runs/{id}/resume", path_params={"id": run_id})
    run = runs.ended(run_id)
    assert run.state is not None
    assert run.state.message == "42"
    first, second = runs.notes(run_id)
    assert first != second
