"""A server that fails single requests of a worker, as Prefect's does when its database goes, ends no worker."""

from collections.abc import Callable

from warm_process_tests.prefect_server import PrefectServer
from warm_process_tests.scenarios import LONG
from warm_process_tests.troubled_server import TroubledServer
from warm_process_tests.workers import Runs, Worker, until

#: What a worker asks, from its first look for a run until that runs.
REQUESTS = {
    "looks": r"POST /api/work_pools/.*/get_scheduled_flow_runs",
    "reads the deployment": r"GET /api/deployments/",
    "takes the run": r"POST /api/flow_runs/.*/set_state",
    "labels the run": r"PATCH /api/flow_runs/.*/labels",
    "notes its process": r"PATCH /api/flow_runs/[^/]*$",
}


#: So many looks in a row end Prefect's own worker, however shortly one follows the other: three, four times over.
OUTAGE = 15


def test_no_failed_request_ends_it_or_loses_a_run(
    make_pool: Callable[[str, str], Runs], start: Callable[..., Worker], prefect_server: PrefectServer
) -> None:
    runs = make_pool("trouble", "warm-process")
    with TroubledServer(prefect_server.url) as troubled:
        see_it_through(runs, start, troubled)


def see_it_through(runs: Runs, start: Callable[..., Worker], troubled: TroubledServer) -> None:
    variables = {"PREFECT_API_URL": troubled.url, "PREFECT_WORKER_QUERY_SECONDS": "0.5"}
    worker = start("trouble", "warm-process", "--limit", "1", **variables)
    zygote = worker.zygote()
    for what, request in REQUESTS.items():
        troubled.fail(request, times=1)
        run = runs.ended(runs.make("succeed"))
        assert troubled.failed(), f"it never {what}"
        assert run.state_name == "Completed", what
        assert worker.zygote() == zygote, what
    worker.stop()
    assert worker.wait() == 0


def test_it_outlives_an_outage_with_the_runs_that_it_has(
    make_pool: Callable[[str, str], Runs], start: Callable[..., Worker], prefect_server: PrefectServer
) -> None:
    runs = make_pool("outage", "warm-process")
    with TroubledServer(prefect_server.url) as troubled:
        worker = start("outage", "warm-process", PREFECT_API_URL=troubled.url, PREFECT_WORKER_QUERY_SECONDS="0.2")
        under_way = runs.make("wait", seconds=LONG)
        runs.running(under_way)
        troubled.fail(REQUESTS["looks"], times=OUTAGE)
        until(troubled.failed)
        assert runs.ended(runs.make("succeed")).state_name == "Completed"
        assert runs.read(under_way).state_name == "Running"
        said = worker.said()
    assert said.count("The server does not answer") == said.count("The server answers again") > 0
