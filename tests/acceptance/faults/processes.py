"""Faults of processes: they are killed without a word, or stand still."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import psutil

from tests.acceptance.faults.parts import PREFECT, SITE, WORKER, kill, until
from tests.acceptance.faults.registered import fault
from tests.acceptance.faults.scene import Scene, files_below

#: Seconds in which an order is answered, whatever else is away.
ANSWERED_SECONDS = 1.0
#: Seconds until what the death of a run has stopped goes on, where Prefect hears of it.
GOES_ON_SECONDS = 20.0
#: Seconds until it does where nobody can tell Prefect, so that only silence does.
GOES_ON_AFTER_SILENCE_SECONDS = 120.0


@fault(
    "run is killed",
    injected="kill -9 of a run's process while it fetches",
    happens="another run resumes where it broke off, within 20 s; delivered",
)
def run_killed(scene: Scene) -> None:
    placed = scene.order_gated()
    kill([scene.parts.run_that_reads_from(scene.source.port)])
    took = scene.until_taken_up_again(placed, seconds=GOES_ON_SECONDS)
    scene.measured["from the kill of a run to fetching again"] = took
    scene.open_gate(placed)
    scene.assert_delivered(placed)


@fault(
    "worker's zygote is killed",
    injected="kill -9 of the process from which runs are forked, which takes the runs with it",
    happens="the worker makes a new one, and another run resumes within 20 s; delivered",
)
def zygote_killed(scene: Scene) -> None:
    placed = scene.order_gated()
    zygote = scene.parts.run_that_reads_from(scene.source.port).parent()
    assert zygote is not None
    kill([zygote])
    took = scene.until_taken_up_again(placed, seconds=GOES_ON_SECONDS)
    scene.measured["from the kill of the zygote to fetching again"] = took
    scene.open_gate(placed)
    scene.assert_delivered(placed)


@fault(
    "worker is killed",
    injected="kill -9 of the worker and all of its runs while one fetches; then a new worker",
    happens="taken up again at the next look for what stalled, within 120 s; delivered",
)
def worker_killed(scene: Scene) -> Iterator[None]:
    placed = scene.order_gated()
    scene.silenced.append(placed)
    scene.parts.kill(WORKER)
    killed_at = datetime.now(UTC)
    scene.parts.revive()
    # Whatever is begun now meets a worker that is well.
    yield
    scene.until_taken_up_again(placed, seconds=GOES_ON_AFTER_SILENCE_SECONDS)
    scene.open_gate(placed)
    scene.assert_delivered(placed)
    took = (max(scene.prefect.starts(placed.number)) - killed_at).total_seconds()
    assert 0 < took < GOES_ON_AFTER_SILENCE_SECONDS
    scene.measured["from the kill of the worker to the next run"] = took


@fault(
    "everything is killed",
    injected="kill -9 of site, Prefect's server, worker and PostgreSQL while a run fetches; then all are started",
    happens="taken up again; delivered",
)
def all_killed(scene: Scene) -> None:
    placed = scene.order_gated()
    scene.silenced.append(placed)
    for name in (SITE, PREFECT, WORKER):
        scene.parts.kill(name)
    scene.parts.kill_database()
    scene.open_gate(placed)
    scene.parts.revive()
    scene.assert_delivered(placed)


@fault(
    "worker is stopped",
    injected="SIGTERM to the worker while one of its runs fetches; then a new worker",
    happens="the run is returned to the queue and resumes with the new worker where it stopped, within 20 s; delivered",
)
def worker_stopped(scene: Scene) -> None:
    placed = scene.order_gated()
    scene.parts.end(WORKER)
    scene.parts.start(WORKER)
    scene.measured["from the stop of the worker to fetching again"] = scene.until_taken_up_again(
        placed, seconds=GOES_ON_SECONDS
    )
    scene.open_gate(placed)
    scene.assert_delivered(placed)
    (run,) = scene.prefect.runs(placed.number)
    assert run["run_count"] == 2


@fault(
    "worker is killed and its run holds the queue's only place",
    injected="kill -9 of the worker and its run, where the queue lets one run work at once; then a new worker",
    happens="the dead run is declared crashed after 90 s of silence, which frees its place; delivered",
    slow=True,
)
def place_held(scene: Scene) -> None:
    # Runs that other faults have killed in silence would hold it as well.
    scene.assert_places_freed()
    with scene.prefect.queue(concurrency_limit=1):
        placed = scene.order_gated()
        scene.parts.kill(WORKER)
        began = time.monotonic()
        scene.parts.start(WORKER)
        scene.until_taken_up_again(placed, seconds=180)
        scene.measured["from the kill of the worker to fetching again, its place being held"] = time.monotonic() - began
        scene.open_gate(placed)
        scene.assert_delivered(placed)


@fault(
    "run is suspended and wakes when its order is delivered",
    injected="SIGSTOP of a run's process for longer than its lease; SIGCONT when another run has delivered",
    happens="another run takes over; the one that wakes changes nothing: one package, one mail",
)
def run_frozen(scene: Scene) -> None:
    placed = scene.order_gated()
    run = scene.parts.run_that_reads_from(scene.source.port)
    run.suspend()
    scene.eventually(lambda: scene.fetched(placed) > 1)
    scene.open_gate(placed)
    scene.until_status(placed, "ready")
    run.resume()
    psutil.wait_procs([run], timeout=30)
    scene.assert_delivered(placed)


@fault(
    "run is suspended and wakes while another is running",
    injected="the same; SIGCONT while the other run fetches into the same folder",
    happens="the one that wakes ends without touching what the other has; delivered once",
)
def run_frozen_shortly(scene: Scene) -> None:
    placed = scene.order_gated()
    run = scene.parts.run_that_reads_from(scene.source.port)
    run.suspend()
    scene.eventually(lambda: scene.fetched(placed) > 1)
    run.resume()
    until(lambda: not run.is_running(), seconds=30)
    scene.open_gate(placed)
    scene.assert_delivered(placed)


@fault(
    "run is declared dead and lives",
    injected="a run's state in Prefect is set to Crashed while it fetches",
    happens="another run takes over; the first one notices and ends; delivered once",
)
def run_declared_dead(scene: Scene) -> None:
    placed = scene.order_gated()
    scene.prefect.set_state(scene.prefect.running(placed.number), "CRASHED", force=True)
    scene.eventually(lambda: scene.fetched(placed) > 1)
    scene.open_gate(placed)
    scene.assert_delivered(placed)


@fault(
    "site is killed while orders come in",
    injected="kill -9 of the site while 20 orders are being posted",
    happens="each order is either answered with 201 and delivered, or not answered; ordering again works",
)
def site_killed_at_orders(scene: Scene) -> None:
    name = scene.records.offer(scene.source.url("plain/many.bin"))
    with ThreadPoolExecutor(max_workers=8) as pool:
        posts = [pool.submit(post, scene, name, f"many{number}@example.org") for number in range(20)]
        until(lambda: any(future.done() for future in posts))
        scene.parts.kill(SITE)
        answers = [future.result() for future in posts]
    scene.parts.revive()
    answered = {answer.json()["id"] for answer in answers if answer is not None}
    assert 0 < len(answered) < len(posts)
    assert all(answer.status_code == httpx.codes.CREATED for answer in answers if answer is not None)
    stored = scene.records.orders_for("many%@example.org")
    # One that was stored just before its answer was lost is delivered too.
    assert answered <= set(stored)
    for public_id, recipient in stored.items():
        scene.assert_delivered(scene.placed(public_id, recipient, "plain/many.bin"))
    scene.assert_delivered(scene.order("plain/many.bin"))


@fault(
    "site is killed right after it took an order",
    injected="kill -9 of the site as soon as it has answered 201",
    happens="delivered, though the site may not have asked Prefect; the site starts again",
)
def site_killed_after_order(scene: Scene) -> None:
    placed = scene.order("plain/after.bin")
    scene.parts.kill(SITE)
    scene.eventually(lambda: scene.records.status(placed.number) == "ready")
    scene.parts.revive()
    scene.assert_delivered(placed)


@fault(
    "Prefect's server is killed",
    injected="kill -9 of Prefect's server before an order; a new one later",
    happens="the order is answered with 201 in less than a second, starts by itself when Prefect is back; delivered",
)
def prefect_killed(scene: Scene) -> None:
    scene.parts.kill(PREFECT)
    began = time.monotonic()
    placed = scene.order("plain/prefect-killed.bin")
    assert time.monotonic() - began < ANSWERED_SECONDS
    scene.parts.revive()
    scene.assert_delivered(placed)


@fault(
    "Prefect's server is killed while a run fetches",
    injected="kill -9 of Prefect's server in the middle of a transfer; a new one when the file has come",
    happens="the run continues and delivers; its end is reported to Prefect when it is back",
)
def prefect_killed_while_fetching(scene: Scene) -> None:
    placed = scene.order_gated()
    scene.parts.kill(PREFECT)
    scene.open_gate(placed)
    until(lambda: scene.look(placed)["status"] == "ready")
    scene.parts.revive()
    scene.assert_delivered(placed)


@fault(
    "Prefect's server is suspended",
    injected="SIGSTOP of Prefect's server before an order, SIGCONT after it",
    happens="the order is answered with 201 in less than a second; delivered when Prefect is resumed",
)
def prefect_frozen(scene: Scene) -> None:
    scene.parts.freeze(PREFECT)
    began = time.monotonic()
    placed = scene.order("plain/prefect-frozen.bin")
    assert time.monotonic() - began < ANSWERED_SECONDS
    scene.parts.thaw(PREFECT)
    scene.assert_delivered(placed)


@fault(
    "PostgreSQL is killed while a run fetches",
    injected="kill -9 of PostgreSQL's first process in the middle of a transfer; a new one at once",
    happens="the run continues when it is back; delivered",
)
def database_killed_while_fetching(scene: Scene) -> None:
    placed = scene.order_gated()
    scene.parts.kill_database()
    scene.open_gate(placed)
    scene.parts.wait_until_ready()
    scene.assert_delivered(placed)


@fault(
    "PostgreSQL is away when a run has fetched",
    injected="PostgreSQL is stopped in the middle of a transfer, and started again when the package is written",
    happens="meanwhile new orders are answered with 503; the run waits and records its package; delivered",
)
def database_unavailable(scene: Scene) -> None:
    placed = scene.order_gated()
    name = scene.records.offer(scene.source.url("plain/database-away.bin"))
    scene.parts.database.stop()
    scene.open_gate(placed)
    packages = scene.parts.folders.packages / f"{placed.number:010d}"
    until(lambda: [path.suffix for path in files_below(packages)] == [".zip"])
    answer = post(scene, name, "database-away@example.org")
    assert answer is not None
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    scene.parts.revive()
    scene.assert_delivered(placed)
    assert scene.fetched(placed) == 1


@fault(
    "PostgreSQL is killed while nothing is at work",
    injected="kill -9 of PostgreSQL's first process; a new one at once",
    happens="the site answers again at once; the next order is delivered",
)
def database_killed(scene: Scene) -> None:
    scene.parts.kill_database()
    placed = scene.order("plain/database-killed.bin")
    scene.assert_delivered(placed)


@fault(
    "PostgreSQL is restarted while a run fetches",
    injected="an orderly restart of PostgreSQL in the middle of a transfer",
    happens="the run continues when it is back; delivered",
)
def database_restarted(scene: Scene) -> None:
    placed = scene.order_gated()
    scene.parts.restart_database()
    scene.open_gate(placed)
    scene.parts.wait_until_ready()
    scene.assert_delivered(placed)


def post(scene: Scene, name: str, recipient: str) -> httpx.Response | None:
    """Order; None where no answer came."""
    order = {"email": recipient, "language": "en", "resources": [{"resource": name}]}
    try:
        return httpx.post(f"{scene.parts.url}/downloads/api/requests/", json=order, timeout=10, trust_env=False)
    except httpx.TransportError:
        return None
