"""Projects of other people: their modules lie where the worker was started, and they calculate."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient

from prefect_warm_process.numeric_threads import one_thread
from prefect_warm_process.run_children import get_importable
from warm_process_tests.scenarios import succeed
from warm_process_tests.test_warm_process import KIND, preload, seconds_of, seconds_to_load
from warm_process_tests.workers import ROOT, Runs, Worker

FLOW = """
import sched
import os
from prefect import flow
from prefect.states import Completed

@flow(persist_result=False)
def tell():
    return Completed(message=f"{sched.__file__}|{os.getcwd()}")
"""
NUMERIC_FLOW = """
import json
import os
import numpy
import pandas
from prefect import flow
from prefect.states import Completed
from threadpoolctl import threadpool_info

@flow(persist_result=False)
async def calculate():
    threads = {library["internal_api"]: library["num_threads"] for library in threadpool_info()}
    product = pandas.DataFrame(numpy.eye(500) @ numpy.full((500, 500), 2.0)).sum().sum()
    variables = {name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")}
    facts = {"product": product, "threads": threads, "variables": variables, "random": numpy.random.random()}
    return Completed(message=json.dumps(facts))
"""
#: Asks an interpreter that nobody has told anything how many threads numpy's libraries have.
USUAL_THREADS = """
import json
import numpy
import pandas
from threadpoolctl import threadpool_info

print(json.dumps({library["internal_api"]: library["num_threads"] for library in threadpool_info()}))
"""
needs_numpy = pytest.mark.skipif(find_spec("numpy") is None or find_spec("pandas") is None, reason="no numpy, pandas")


def deploy(client: SyncPrefectClient, pool: str, entrypoint: str) -> UUID:
    """Make a deployment as of a project whose code is where the worker is."""
    return client.create_deployment(
        client.create_flow(succeed),
        f"{pool}-{entrypoint}",
        entrypoint=entrypoint,
        pull_steps=[],
        work_pool_name=pool,
        enforce_parameter_schema=False,
        parameter_openapi_schema={},
    )


@pytest.mark.parametrize(
    ("preloaded", "is_forked"), [("project_flow", True), ("warm_process_tests.unsafe:connects", False)]
)
def test_modules_where_the_worker_was_started_can_be_imported_but_hide_none(
    preloaded: str, make_pool: Callable[[str, str], Runs], start: Callable[..., Worker], client: SyncPrefectClient,
    tmp_path: Path, *, is_forked: bool,
) -> None:  # fmt: skip
    pool = f"project-{is_forked}".lower()
    runs = make_pool(pool, KIND)
    project = tmp_path / "a: project"
    project.mkdir()
    (project / "project_flow.py").write_text(FLOW)
    for shadow in ("sched", "random"):
        (project / f"{shadow}.py").write_text("raise AssertionError('not the one of Python')")
    preload(client, pool, preloaded)
    runs.deployments["tell"] = deploy(client, pool, "project_flow.tell")
    worker = start(pool, KIND, folder=project)
    run = runs.ended(runs.make("tell"))
    assert run.state is not None
    assert run.state_name == "Completed", worker.said()
    module, folder = (run.state.message or "").split("|")
    assert not Path(module).is_relative_to(project)
    assert Path(folder) != project, "with Prefect's own worker a run has a folder of its own as well"
    assert ("without a zygote" in worker.said()) is not is_forked
    assert "Not preloaded" not in worker.said()


def test_a_folder_into_which_anybody_may_write_is_not_imported_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert get_importable() == [str(tmp_path)]
    tmp_path.chmod(0o1777)
    assert get_importable() == []


@needs_numpy
def test_numpy_and_pandas_are_preloaded_and_a_run_has_their_threads_and_takes_no_longer(
    make_pool: Callable[[str, str], Runs], start: Callable[..., Worker], client: SyncPrefectClient, tmp_path: Path
) -> None:
    pool = "numeric"
    runs = make_pool(pool, KIND)
    (tmp_path / "numeric_flow.py").write_text(NUMERIC_FLOW)
    preload(client, pool, "numeric_flow")
    runs.deployments["calculate"] = deploy(client, pool, "numeric_flow.calculate")
    variables = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    worker = start(pool, KIND, folder=tmp_path, OMP_NUM_THREADS="", OPENBLAS_NUM_THREADS="", NUMEXPR_NUM_THREADS="2")
    worker.zygote()
    made = [runs.make("calculate") for _ in range(2)]
    facts = [json.loads(runs.ended(run_id).state.message or "") for run_id in made]  # type: ignore[union-attr]
    usual = subprocess.run(
        [sys.executable, "-c", USUAL_THREADS], env=variables, capture_output=True, text=True, check=True
    )
    for fact in facts:
        assert fact["product"] == 500 * 500 * 2
        assert fact["threads"] == json.loads(usual.stdout) != {}
        assert fact["variables"] == {"OMP_NUM_THREADS": "", "OPENBLAS_NUM_THREADS": "", "NUMEXPR_NUM_THREADS": "2"}
    assert facts[0]["random"] != facts[1]["random"]
    assert "without a zygote" not in worker.said()
    taken = [seconds_of(runs, runs.make("calculate")) for _ in range(5)]
    # How long a run takes is measured by the benchmark; this only says that it has not loaded all by itself.
    assert median(taken) < seconds_to_load("prefect.main", "prefect.flow_engine", "numpy", "pandas")
    print(f"a run with numpy and pandas: {median(taken):.2f} s")  # noqa: T201 - shown by `pytest -rP`


def test_what_a_preloaded_function_sets_itself_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with one_thread():
        assert os.environ["MKL_NUM_THREADS"] == os.environ["OMP_NUM_THREADS"] == "1"
        os.environ["OPENBLAS_NUM_THREADS"] = "3"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "MKL_NUM_THREADS" not in os.environ


def test_what_started_a_thread_is_named(tmp_path: Path) -> None:
    (tmp_path / "starter.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), name='mine', daemon=True).start()\n"
    )
    (tmp_path / "user.py").write_text("import json\nimport starter\n")
    program = """
import os
from prefect_warm_process.preloading import Preloading
preloading = Preloading()
preloading.load(["user"])
print(preloading.unsafe_to_fork(), flush=True)
"""
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert said.stdout.strip() == "starter started a thread 'mine'"
