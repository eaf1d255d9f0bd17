"""How fast workers start runs, and what they cost: `python -m tests.benchmarks.workers [--quick] [--json FILE]`.

Prefect's own worker type `process`, which is made to ask for runs every second instead of every ten, and ours,
`warm-process`, one after the other on the same server, with a flow that does nothing. Each has had one run before
anything is measured. The times are those that the server has of the states of a run.
"""

import argparse
import json
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client

from tests.benchmarks.process_figures import CpuTime, Memory
from tests.benchmarks.worker_runs import Bench, Timing, bench
from tests.prefect_servers import PrefectServer, get_database_pid, prefect_server_running

TITLES = {"stock": "process, asking every 1 s", "warm": "warm-process"}
MEGABYTE = 1e6
#: Runs that are asked for at once while a worker grows older.
BATCH = 100
#: Seconds by which the kernel's two ways of counting a worker's CPU time may differ; they round.
ROUNDING = 0.1

Samples = dict[str, float]


@dataclass(frozen=True)
class Amounts:
    """How much is measured."""

    in_turn: Mapping[str, int]
    at_once: int
    idle_seconds: float
    later: int
    in_turn_later: int


FULL = Amounts(in_turn={"stock": 5, "warm": 20}, at_once=40, idle_seconds=30, later=1000, in_turn_later=20)
QUICK = Amounts(in_turn={"stock": 2, "warm": 5}, at_once=8, idle_seconds=10, later=30, in_turn_later=5)


@dataclass(frozen=True)
class Used:
    """CPU time of all who take part, so far."""

    server: CpuTime
    database: CpuTime
    worker: CpuTime

    @classmethod
    def by(cls, at: Bench) -> "Used":
        """Read it."""
        pids = (at.server.pid, get_database_pid(at.server), at.worker.pid)
        return cls(*(CpuTime.of(pid) for pid in pids))


def memory(at: Bench, when: str) -> Samples:
    """Return the memory of the worker and its zygote, while no run is there."""
    parts = {"worker": at.worker.pid} | ({"zygote": at.zygote.pid} if at.zygote else {})
    found = {name: Memory.of(pid) for name, pid in parts.items()}
    figures = {f"memory {when}, worker and zygote: RSS, MB": sum(part.resident for part in found.values())}
    for name, part in found.items():
        figures[f"memory {when}, {name}: RSS, MB"] = part.resident
        figures[f"memory {when}, {name}: PSS, MB"] = part.proportional
    return {name: size / MEGABYTE for name, size in figures.items()}


def idle(at: Bench, seconds: float) -> Samples:
    """Return how busy all are while nothing is to be done, in percent of one core."""
    before = Used.by(at)
    time.sleep(seconds)  # it is what is measured
    after = Used.by(at)
    return {
        "idle CPU, worker and zygote, %": (after.worker - before.worker).total / seconds * 100,
        "idle CPU, server and database, %": (
            (after.server - before.server).total + (after.database - before.database).total
        )
        / seconds
        * 100,
    }


def in_turn(at: Bench, count: int, when: str) -> Samples:
    """Return how long a run takes that is alone."""
    timings = [at.timing(run) for _ in range(count) for run in at.run()]
    to_running = [timing.began - timing.created for timing in timings]
    to_completed = [timing.ended - timing.created for timing in timings]
    return {
        f"one run {when}, created to running: p50, s": percentile(to_running, 50),
        f"one run {when}, created to running: p95, s": percentile(to_running, 95),
        f"one run {when}, created to completed: p50, s": percentile(to_completed, 50),
        f"one run {when}, created to completed: p95, s": percentile(to_completed, 95),
    }


def at_once(at: Bench, count: int) -> Samples:
    """Return how long many runs take that are there at once, and what each costs."""
    before = Used.by(at)
    runs = at.run(count)
    after = Used.by(at)
    seconds = span([at.timing(run) for run in runs])
    worker = after.worker - before.worker
    parts = {
        "server": (after.server - before.server).total,
        "database": (after.database - before.database).total,
        "worker": worker.own,
        "zygote and runs": worker.below,
    }
    return {
        f"{count} runs at once, s": seconds,
        f"{count} runs at once, runs per second": count / seconds,
        **{f"CPU per run, {name}, s": used / count for name, used in parts.items()},
        "CPU per run, all, s": sum(parts.values()) / count,
    }


def grown_old(at: Bench, amounts: Amounts) -> Samples:
    """Return the same as at first, after many more runs."""
    left = amounts.later
    while left > 0:
        left -= len(at.run(min(BATCH, left)))
    when = f"after {amounts.later} more"
    return {**in_turn(at, amounts.in_turn_later, when), **memory(at, when)}


def percentile(values: Sequence[float], share: int) -> float:
    """Return the smallest value that so many percent of all do not exceed."""
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)]


def span(timings: Sequence[Timing]) -> float:
    """Return the seconds from the first creation to the last end."""
    return max(timing.ended for timing in timings) - min(timing.created for timing in timings)


def measured(pool: str, server: PrefectServer, folder: Path, amounts: Amounts) -> Samples:
    """Measure one worker."""
    reaped = resource.getrusage(resource.RUSAGE_CHILDREN)
    with get_client(sync_client=True) as client, bench(client, server, pool, folder) as at:
        figures = memory(at, "at first")
        at.run()
        figures |= idle(at, amounts.idle_seconds)
        figures |= in_turn(at, amounts.in_turn[pool], "at first")
        figures |= at_once(at, amounts.at_once)
        if pool == "warm":
            figures |= grown_old(at, amounts)
        counted = CpuTime.of(at.worker.pid).total
    # The worker is the only process that has ended here since, so the kernel's sum is that of all that it ever ran.
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    summed = now.ru_utime + now.ru_stime - reaped.ru_utime - reaped.ru_stime
    assert summed >= counted - ROUNDING, f"counted {counted} s of CPU, of which the kernel knows {summed} s"
    return figures | {"CPU of the worker's whole life, s": summed, "CPU of stopping the worker, s": summed - counted}


def main() -> None:
    """Measure, print a table, and write the figures beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs, for a first look")
    parser.add_argument("--json", type=Path, default=Path("benchmark-results-workers.json"))
    options = parser.parse_args()
    # So that whoever ends the benchmark ends all that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended from outside."))
    amounts = QUICK if options.quick else FULL
    results: dict[str, Any] = {"amounts": asdict(amounts), "titles": TITLES}
    with tempfile.TemporaryDirectory(prefix="downman-bench-") as folder, prefect_server_running(Path(folder)) as server:
        for pool in TITLES:
            results[pool] = measured(pool, server, Path(folder), amounts)
    print_results(results, options.json)


def print_results(results: dict[str, Any], file: Path) -> None:
    """Show the table, and keep the figures."""
    stock, warm = results["stock"], results["warm"]
    print(f"| what | {TITLES['stock']} | {TITLES['warm']} | ratio |\n| --- | ---: | ---: | ---: |")
    for name in warm:
        ratio = f"{stock[name] / warm[name]:.1f}" if stock.get(name) and warm[name] else ""
        print(f"| {name} | {_shown(stock.get(name))} | {_shown(warm[name])} | {ratio} |")
    file.write_text(json.dumps(results, indent=2) + "\n")
    alone = results["amounts"]["in_turn"]
    print(f"The ratio is the first by the second. Alone at first were {alone['stock']} and {alone['warm']} runs.")
    print(f"The figures are in {file}.")


def _shown(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.3g}" if figure < 100 else f"{figure:.0f}"


if __name__ == "__main__":
    main()
