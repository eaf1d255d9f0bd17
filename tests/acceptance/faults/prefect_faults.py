"""Faults of what lies in Prefect: runs, deployments, queues; and people who cancel in the middle."""

import time

from downman.domain.jobs import Job
from tests.acceptance.faults.parts import PREFECT, WORKER, until
from tests.acceptance.faults.registered import fault
from tests.acceptance.faults.scene import Scene, files_below

#: Seconds in which a transfer ends that somebody has cancelled.
STOPS_SECONDS = 2.0
#: Seconds until an order goes on whose run was cancelled in Prefect.
GOES_ON_SECONDS = 20.0


@fault(
    "order is cancelled while everything is dead",
    injected="worker and Prefect's server are killed while a run fetches; then the person who ordered cancels",
    happens="cancelled in less than a second; when they are back nothing is fetched, and what was left is deleted",
)
def cancelled_while_dead(scene: Scene) -> None:
    placed = scene.order_gated()
    scene.silenced.append(placed)
    scene.parts.kill(WORKER)
    scene.parts.kill(PREFECT)
    began = time.monotonic()
    scene.cancel(placed)
    assert time.monotonic() - began < 1
    scene.parts.revive()
    scene.assert_cancelled(placed)
    assert scene.fetched(placed) == 1


@fault(
    "order is run twice at once",
    injected="a second run for the same order is started by hand while the first one fetches",
    happens="the second finds nothing to do; one package, one mail",
)
def run_twice(scene: Scene) -> None:
    placed = scene.order_gated()
    again = scene.prefect.start(Job.PACKAGE_REQUEST, request_id=placed.number)
    assert scene.prefect.until_ended(again) == "COMPLETED"
    scene.open_gate(placed)
    scene.assert_delivered(placed)
    assert scene.fetched(placed) == 1


@fault(
    "order is run twice from the start",
    injected="its queue is paused, three runs for it are there, and the queue is resumed",
    happens="one of the runs delivers, the others find nothing to do; one package, one mail",
)
def run_thrice_from_start(scene: Scene) -> None:
    with scene.prefect.queue(is_paused=True):
        placed = scene.order("plain/thrice.bin")
        others = [scene.prefect.start(Job.PACKAGE_REQUEST, request_id=placed.number) for _ in range(2)]
    for run_id in others:
        assert scene.prefect.until_ended(run_id) == "COMPLETED"
    scene.assert_delivered(placed)
    assert scene.fetched(placed) == 1


@fault(
    "run is cancelled in Prefect",
    injected="an administrator cancels a run in Prefect's pages while it fetches",
    happens="the run ends; the order stands and another run delivers it (to end the order, cancel the order)",
)
def run_cancelled(scene: Scene) -> None:
    placed = scene.order_gated()
    scene.prefect.set_state(scene.prefect.running(placed.number), "CANCELLING")
    took = scene.until_taken_up_again(placed, seconds=GOES_ON_SECONDS)
    scene.measured["from a run's cancellation in Prefect to fetching again"] = took
    scene.open_gate(placed)
    scene.assert_delivered(placed)


@fault(
    "run is deleted in Prefect",
    injected="the run of a waiting order is deleted, its queue being paused meanwhile",
    happens="found by the next look for what stalled, which asks for another run; delivered",
)
def run_deleted(scene: Scene) -> None:
    with scene.prefect.queue(is_paused=True):
        placed = scene.order("plain/run-deleted.bin")
        scene.eventually(lambda: scene.prefect.runs(placed.number))
        (run,) = scene.prefect.runs(placed.number)
        scene.prefect.delete_run(run["id"])
    scene.assert_delivered(placed)


@fault(
    "deployment is deleted",
    injected="the deployment `package-request` is deleted in Prefect before an order",
    happens="the order is answered with 201 and stands; delivered once `downman bootstrap` has run",
)
def deployment_deleted(scene: Scene) -> None:
    scene.prefect.delete_deployment(Job.PACKAGE_REQUEST)
    placed = scene.order("plain/deployment-deleted.bin")
    scene.prefect.bootstrap()
    scene.assert_delivered(placed)


@fault(
    "queue is paused",
    injected="the queue `package` is paused in Prefect before an order, and resumed after it",
    happens="the order waits; delivered when the queue is resumed",
)
def queue_paused(scene: Scene) -> None:
    with scene.prefect.queue(is_paused=True):
        placed = scene.order("plain/queue-paused.bin")
        scene.eventually(lambda: scene.prefect.runs(placed.number))
        assert scene.look(placed)["status"] == "queued"
    scene.assert_delivered(placed)


@fault(
    "queue is deleted",
    injected="the queue `package` is deleted in Prefect before an order",
    happens="the order is answered with 201 and stands; delivered once `downman bootstrap` has run",
)
def queue_deleted(scene: Scene) -> None:
    scene.prefect.delete_queue()
    placed = scene.order("plain/queue-deleted.bin")
    scene.prefect.bootstrap()
    scene.assert_delivered(placed)


@fault(
    "stream of events is gone",
    injected="Prefect's server is restarted without the stream of events on which the worker wakes",
    happens="the worker finds the order when it asks by itself, every ten seconds; delivered",
)
def stream_gone(scene: Scene) -> None:
    scene.parts.kill(PREFECT)
    scene.parts.environment["PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED"] = "false"
    try:
        scene.parts.revive()
        placed = scene.order("plain/stream-gone.bin")
        scene.assert_delivered(placed)
    finally:
        del scene.parts.environment["PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED"]
        scene.parts.kill(PREFECT)
        scene.parts.revive()


@fault(
    "order is cancelled while a run fetches",
    injected="the person who ordered cancels in the middle of a transfer",
    happens="the transfer stops within 2 s and nothing of it is left",
)
def cancelled(scene: Scene) -> None:
    placed = scene.order_gated()
    scene.cancel(placed)
    took = until(lambda: not files_below(scene.parts.folders.staging / str(placed.number)), seconds=STOPS_SECONDS)
    scene.measured["from the cancellation of an order to the end of its transfer"] = took
    scene.assert_cancelled(placed)
