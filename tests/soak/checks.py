"""What must be true of the soak, each thing that is not in a sentence."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from operator import itemgetter
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, StateType

from tests.soak.driver import Run, Soak
from tests.soak.flows import TWICE
from tests.soak.processes import Holdings

#: How a run ends to which nothing is done.
ENDS = {
    "complete": StateType.COMPLETED,
    "fail": StateType.FAILED,
    "leave": StateType.CRASHED,
    "die": StateType.CRASHED,
    "leave_process": StateType.COMPLETED,
    "leak": StateType.COMPLETED,
}
#: Open files and sockets by which the worker may have grown: connections to the server come and go.
MORE_FILES = 8
MORE_ZYGOTE_FILES = 2
#: Seconds in which a run that is cancelled must end: those that a client goes on trying while the server is away. After
#: five minutes the server itself would give such a run up.
CANCEL_SECONDS = 90.0

#: Stands for all queues.
ALL = "all"


def of_runs(soak: Soak, *, limit: int) -> Iterator[str]:
    """Check the runs."""
    for file in soak.folder.glob(f"{TWICE}*"):
        yield f"Run {file.name.removeprefix(TWICE)} was at work twice at once."
    for still in soak.still_at_work:
        yield f"Run {still} was still at work when the server had it as ended."
    unknown = soak.killed_unknown
    for run_id, run in soak.runs.items():
        name = f"Run {run_id} ({run.kind}; killed: {run.killed}; cancelled: {run.cancelled_at})"
        if run.end is None:
            yield f"{name} never ended."
            continue
        if (seconds := seconds_to_cancel(run)) is not None and seconds > CANCEL_SECONDS:
            yield f"{name} ended only {seconds:.0f} s after it was cancelled."
        ended = _state(run.end)
        if ended in _possible(run):
            continue
        if ended is StateType.CRASHED and unknown > 0:
            # Its process was killed before or after the flow's own code.
            unknown -= 1
            continue
        yield f"{name} ended as {run.end.state} at {run.end.end_time}."
    for queue, allowed in {**soak.queues, ALL: limit}.items():
        beyond = [together for together in at_work_together(soak.runs, queue) if len(together) > allowed]
        if beyond:
            where = "the worker" if queue == ALL else f"the queue {queue}"
            yield (
                f"{len(beyond)} times more runs were at work at once than {where} allows, which is {allowed}; "
                f"one time they were {' and '.join(map(str, beyond[0]))}."
            )


def of_holdings(before: Holdings, after: Holdings) -> Iterator[str]:
    """Check what the worker and its zygote hold."""
    for name, more in (
        ("worker_files", MORE_FILES),
        ("worker_sockets", MORE_FILES),
        ("zygote_files", MORE_ZYGOTE_FILES),
    ):
        first, last = getattr(before, name), getattr(after, name)
        if last > first + more:
            yield f"What is held has grown, {name}: from {first} to {last}."


def at_work_together(runs: Mapping[UUID, Run], queue: str) -> Iterator[list[UUID]]:
    """Return for each run of a queue those that were at work when it began, itself among them."""
    changes = []
    for run_id, run in runs.items():
        if queue in {ALL, run.queue} and (span := _at_work(run)) is not None:
            begin, end = span
            # At the same moment the one that ends comes first.
            changes += [(begin, True, run_id), (end, False, run_id)]
    now: list[UUID] = []
    for _, begins, run_id in sorted(changes, key=itemgetter(0, 1)):
        if begins:
            now.append(run_id)
            yield [*now]
        else:
            now.remove(run_id)


def seconds_to_cancel(run: Run) -> float | None:
    """Return how long it took to end a run that was cancelled."""
    if run.end is None or run.end.end_time is None or run.cancelled_at is None:
        return None
    return run.end.end_time.timestamp() - run.cancelled_at.timestamp()


def seconds_to_end(run: Run) -> float | None:
    """Return how long it took from asking for a run to its end, when nothing was done to it."""
    if run.end is None or run.end.end_time is None or run.end.created is None or run.cancelled_at or run.saw_restart:
        return None
    return run.end.end_time.timestamp() - run.end.created.timestamp()


def _possible(run: Run) -> set[StateType]:
    if run.saw_restart:
        # It may have begun while the server was away, and could not.
        return set(StateType)
    possible = {StateType.CRASHED} if run.killed else {ENDS[run.kind]} if run.kind in ENDS else set()
    if run.cancelled_at is not None:
        possible.add(StateType.CANCELLED)
    return possible


def _at_work(run: Run) -> tuple[datetime, datetime] | None:
    """Return the time in which a run took a slot of its queue for sure; one that is cancelled gives it back."""
    if run.end is None or run.end.start_time is None or run.end.end_time is None:
        return None
    end = min(run.end.end_time, run.cancelled_at) if run.cancelled_at else run.end.end_time
    return (run.end.start_time, end) if run.end.start_time < end else None


def _state(run: FlowRun) -> StateType:
    assert run.state is not None
    return run.state.type
