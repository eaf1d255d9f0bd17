"""A long life of the warm worker in a short time: `python -m tests.soak [--minutes 30] [--seed N] [--folder FOLDER]`.

Runs end in every way, their processes and the zygote are killed, runs are cancelled, and the server goes and comes
back. In the end every run must have ended as it should, and the worker must hold no more than at first.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate

from prefect_warm_process.worker import WarmProcessWorker
from tests.integration.worker.workers import ROOT, Worker, until
from tests.prefect_servers import prefect_server_running
from tests.soak import checks, flows, processes
from tests.soak.driver import Soak, WorkerLost

POOL = "soak"
#: The queues, and how many runs of each may be at work at once.
QUEUES = {"one": 1, "two": 2, "three": 3}
LIMIT = 4
RUNS_AT_FIRST = 8
#: How long the last runs may take to end, and their processes to go.
LAST_RUNS_SECONDS = 90
QUIET_SECONDS = 30
STOP_SECONDS = 40
#: Lines of the worker's log that are shown when something was wrong.
LOG_LINES = 20


def main() -> int:
    """Run the soak, tell what was done and found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="to do the same again")
    parser.add_argument("--folder", type=Path, help="keep the logs and everything else there; a new folder")
    options = parser.parse_args()
    # So that whoever ends the soak ends all that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended from outside."))
    print(f"{options.minutes:g} minutes, with --seed {options.seed}.", flush=True)
    with _folder(options.folder) as folder, _soak(folder, options.seed) as soak:
        wrong = list(_run(soak, options.minutes * 60))
        if wrong:
            print(f"The last the worker said:\n{_last_lines(soak.worker.log)}\n")
    print("\n".join(["Wrong:", *wrong]) if wrong else "All was well.")
    return 1 if wrong else 0


def _run(soak: Soak, seconds: float) -> Iterator[str]:
    """Do everything, and give what was wrong."""
    try:
        soak.top_up(RUNS_AT_FIRST, "complete")
        yield from _until_quiet(soak)
        before = processes.Holdings.of(soak.worker)
        began = time.monotonic()
        soak.drive(seconds)
        yield from _until_quiet(soak)
        taken = time.monotonic() - began
        after = processes.Holdings.of(soak.worker)
    except WorkerLost:
        yield "The worker has ended by itself."
        return
    _report(soak, taken, before, after)
    yield from checks.of_runs(soak, limit=LIMIT)
    yield from checks.of_holdings(before, after)
    if "No events from the server" not in soak.worker.said():
        yield "The worker did not notice that the server was away, so this was not tried."
    yield from _stop(soak)


def _until_quiet(soak: Soak) -> Iterator[str]:
    """Wait until all runs have ended and only the worker and its zygote are there."""

    def all_ended() -> bool:
        soak.cancel_staying()
        return not soak.look()

    if not _comes_true(all_ended, LAST_RUNS_SECONDS):
        yield f"Runs had not ended after {LAST_RUNS_SECONDS} s: {[str(run.id) for run in soak.look()]}."
    if not _comes_true(lambda: not processes.others(soak.worker, soak.folder), QUIET_SECONDS):
        yield f"Processes were left after {QUIET_SECONDS} s: {processes.others(soak.worker, soak.folder)}."


def _stop(soak: Soak) -> Iterator[str]:
    """Stop the worker."""
    soak.worker.stop()
    began = time.monotonic()
    try:
        status = soak.worker.wait(seconds=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        yield f"The worker had not ended {STOP_SECONDS} s after SIGTERM."
        return
    print(f"After SIGTERM the worker ended in {time.monotonic() - began:.1f} s, with status {status}.")
    if left := list(processes.marked(soak.folder)):
        yield f"The worker has left processes: {left}."


def _comes_true(what: Callable[[], bool], seconds: float) -> bool:
    try:
        until(what, seconds=seconds, every=0.2)
    except AssertionError:
        return False
    return True


def _report(soak: Soak, seconds: float, before: processes.Holdings, after: processes.Holdings) -> None:
    states = Counter(str(run.end.state.name) for run in soak.runs.values() if run.end and run.end.state)
    kinds = Counter(run.kind for run in soak.runs.values())
    print(f"{len(soak.runs)} runs in {seconds:.0f} s. Asked for: {_listed(kinds)}. Ended: {_listed(states)}.")
    known = sum(run.killed for run in soak.runs.values())
    print(f"Done: {_listed(soak.done)}. Runs that were killed in their own code: {known}.")
    at_once = {
        queue: max(map(len, checks.at_work_together(soak.runs, queue)), default=0) for queue in [*QUEUES, checks.ALL]
    }
    print(f"Most at work at once: {_listed(at_once)}.")
    for what, measure in (
        ("created to ended", checks.seconds_to_end),
        ("cancelled to ended", checks.seconds_to_cancel),
    ):
        if found := sorted(taken for run in soak.runs.values() if (taken := measure(run)) is not None):
            print(f"From {what}: {found[len(found) // 2]:.2f} s (median), {found[-1]:.2f} s (longest).")
    for name, first in vars(before).items():
        print(f"Held, {name.replace('_', ' ')}: {first:,} at first, {getattr(after, name):,} at last.")


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True)
        yield wanted.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="downman-soak-") as folder:
        yield Path(folder)


@contextmanager
def _soak(folder: Path, seed: int) -> Iterator[Soak]:
    """Return a worker at the start of its life."""
    locks = folder / "locks"
    locks.mkdir()
    with prefect_server_running(folder) as server, get_client(sync_client=True) as client:
        deployment = _deploy(client)
        # The processes of the runs load the flow as a module of this repository.
        environment = {**server.environment, "PYTHONPATH": str(ROOT), flows.FOLDER: str(locks)}
        with Worker(
            POOL, WarmProcessWorker.type, "--limit", str(LIMIT), environment=environment, log=folder / "worker.log"
        ) as worker:
            worker.zygote()
            yield Soak(client, server, worker, deployment, QUEUES, locks, random.Random(seed))  # noqa: S311 - no secret


def _deploy(client: SyncPrefectClient) -> UUID:
    job_template = WarmProcessWorker.get_default_base_job_template()
    job_template["variables"]["properties"]["preload"]["default"] = [flows.__name__]
    client.create_work_pool(WorkPoolCreate(name=POOL, type=WarmProcessWorker.type, base_job_template=job_template))
    for name, limit in QUEUES.items():
        client.create_work_queue(name, work_pool_name=POOL, concurrency_limit=limit)
    return client.create_deployment(
        client.create_flow(flows.live),
        POOL,
        entrypoint=f"{flows.__name__}.live",
        pull_steps=[],
        work_pool_name=POOL,
        enforce_parameter_schema=False,
        parameter_openapi_schema={},
    )


if __name__ == "__main__":
    sys.exit(main())
