"""Keeps the soak's worker busy, and does to it all that may happen in a long life."""

import random
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelling

from tests.integration.worker.workers import Worker, until
from tests.prefect_servers import PrefectServer
from tests.soak import processes
from tests.soak.flows import LOCK, holder, holder_lives

#: A run that goes on until it is cancelled; all other kinds are ends of the flow.
STAY = "stay"
STAY_SECONDS = 600.0
LONGEST_SECONDS = 0.5
#: How often each kind of run is asked for, in percent.
KINDS = {"complete": 79, "fail": 3, "leave": 3, "die": 3, "leave_process": 4, "leak": 3, STAY: 5}
RUNS_AT_ONCE = 8
LOOK_SECONDS = 0.2
#: Seconds in which a cancelled run must have stopped working.
STOPS_WITHIN_SECONDS = 2.0
#: What happens between two looks, with which probability.
KILL_RUN, KILL_ZYGOTE, CANCEL, CANCEL_STAYING = 0.04, 0.004, 0.01, 0.2


class WorkerLost(Exception):
    """The worker has ended, which it was not to."""


@dataclass
class Run:
    """One run: what was asked for, what was done to it, and its end."""

    kind: str
    queue: str
    killed: bool = False
    cancelled_at: datetime | None = None
    #: It was there while the server was not.
    saw_restart: bool = False
    end: FlowRun | None = None


@dataclass
class Soak:
    """All runs of one worker, and what was done."""

    client: SyncPrefectClient
    server: PrefectServer
    worker: Worker
    deployment: UUID
    queues: Mapping[str, int]
    folder: Path
    chance: random.Random
    runs: dict[UUID, Run] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    #: Processes that were killed before or after their run's own code, so that nobody knows whose they were.
    killed_unknown: int = 0
    #: Runs that had ended, as the server said, and were still at work, with their state and for how long.
    still_at_work: list[str] = field(default_factory=list)

    def drive(self, seconds: float) -> None:
        """Go on for so long. What happens by chance happens at least once, and the server restarts in the middle."""
        began = time.monotonic()
        sure = {0.2: self.kill_run, 0.4: self.kill_zygote, 0.5: self.restart_server, 0.8: self.kill_zygote}
        while (passed := time.monotonic() - began) < seconds:
            self.top_up(RUNS_AT_ONCE)
            self._interfere(self.look())
            for share in [share for share in sure if passed > share * seconds]:
                sure.pop(share)()
            time.sleep(LOOK_SECONDS)

    def top_up(self, count: int, kind: str = "") -> None:
        """Ask for runs until so many are there."""
        for _ in range(count - len(self._open())):
            self.ask_for(kind or self.chance.choices([*KINDS], [*KINDS.values()])[0])

    def ask_for(self, kind: str) -> None:
        """Ask for a run of a kind in some queue."""
        queue = self.chance.choice([*self.queues])
        asked = self.client.create_flow_run_from_deployment(
            self.deployment,
            parameters={
                "seconds": STAY_SECONDS if kind == STAY else self.chance.uniform(0, LONGEST_SECONDS),
                "ending": "complete" if kind == STAY else kind,
            },
            work_queue_name=queue,
        )
        self.runs[asked.id] = Run(kind=kind, queue=queue)

    def look(self) -> list[FlowRun]:
        """Note which runs have ended, and give the others."""
        if not processes.lives(psutil.Process(self.worker.pid)):
            raise WorkerLost
        wanted = self._open()
        if not wanted:
            return []
        found = self.client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=wanted)))
        for run in found:
            if run.state is not None and run.state.is_final():
                self._note_end(run)
        return [run for run in found if self.runs[run.id].end is None]

    def cancel(self, run: FlowRun) -> None:
        """Ask for the end of a run, if it has not come yet."""
        now = datetime.now(tz=UTC)
        state: State[Any] | None = self.client.set_flow_run_state(run.id, Cancelling()).state
        # One that no worker has taken yet is cancelled at once.
        if state is not None and (state.is_cancelling() or state.is_cancelled()):
            self.runs[run.id].cancelled_at = now
            self.done["runs cancelled"] += 1

    def kill_run(self) -> None:
        """Kill some run's process."""
        if at_work := processes.runs(self.worker):
            victim = self.chance.choice(at_work)
            victim.kill()
            self._note_killed([victim])
            self.done["processes of runs killed"] += 1

    def kill_zygote(self) -> None:
        """Kill the zygote, with which all runs end that were forked from it."""
        for zygote in processes.zygotes(self.worker)[:1]:
            victims = zygote.children()
            zygote.kill()
            self._note_killed(victims)
            self.done["zygotes killed"] += 1

    def restart_server(self) -> None:
        """Stop the server, lose a run while it is away, and start it again."""
        for run_id in self._open():
            self.runs[run_id].saw_restart = True
        self.server.stop()
        self.kill_run()
        self.server.start()
        self.done["restarts of the server"] += 1

    def cancel_staying(self) -> None:
        """Cancel those runs that would not end by themselves."""
        for run in self.look():
            if self.runs[run.id].kind == STAY and self.runs[run.id].cancelled_at is None:
                self.cancel(run)

    def _interfere(self, there: list[FlowRun]) -> None:
        for run in there:
            share = CANCEL_STAYING if self.runs[run.id].kind == STAY else CANCEL
            if self.runs[run.id].cancelled_at is None and self.chance.random() < share:
                self.cancel(run)
        if self.chance.random() < KILL_RUN:
            self.kill_run()
        if self.chance.random() < KILL_ZYGOTE:
            self.kill_zygote()

    def _open(self) -> list[UUID]:
        return [run_id for run_id, run in self.runs.items() if run.end is None]

    def _note_end(self, run: FlowRun) -> None:
        self.runs[run.id].end = run
        lock = self.folder / f"{LOCK}{run.id}"
        if holder_lives(lock):
            self._note_still_at_work(run, lock)
        lock.unlink(missing_ok=True)

    def _note_still_at_work(self, run: FlowRun, lock: Path) -> None:
        """Note a run that works on though it has ended.

        The server ends a run that is cancelled before its process is known; the worker hears of it and kills it.
        """
        seen = time.monotonic()
        with suppress(AssertionError):
            until(lambda: not holder_lives(lock), seconds=STOPS_WITHIN_SECONDS)
        took = time.monotonic() - seen
        if run.state_type is StateType.CANCELLED and took < STOPS_WITHIN_SECONDS:
            self.done["runs that worked on for a moment after they were cancelled"] += 1
        else:
            self.still_at_work.append(f"{run.id} ({run.state_name}, {took:.1f} s)")

    def _note_killed(self, victims: list[psutil.Process]) -> None:
        until(lambda: not any(processes.lives(victim) for victim in victims))
        # Their locks stay, for whom a lock was there at all.
        by_pid = {}
        for run_id in self._open():
            lock = self.folder / f"{LOCK}{run_id}"
            if lock.exists() and holder(lock) is None:
                by_pid[lock.read_text().partition(" ")[0]] = run_id
        for victim in victims:
            known = by_pid.get(str(victim.pid))
            if known is None:
                self.killed_unknown += 1
            else:
                self.runs[known].killed = True
