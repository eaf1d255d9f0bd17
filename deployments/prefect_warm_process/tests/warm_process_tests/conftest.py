"""Pools with the scenarios' deployments, and workers for them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import pytest
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate

from warm_process_tests import scenarios
from warm_process_tests.prefect_server import PrefectServer
from warm_process_tests.workers import Runs, Worker

SCENARIOS = "warm_process_tests.scenarios"


@pytest.fixture(scope="session")
def client(prefect_server: PrefectServer) -> Iterator[SyncPrefectClient]:
    """Return Prefect's own client."""
    with get_client(sync_client=True) as made:
        yield made


@pytest.fixture(scope="session")
def scenario_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which flows and hooks make their notes."""
    return tmp_path_factory.mktemp("scenarios")


@pytest.fixture(scope="session")
def environment(prefect_server: PrefectServer, scenario_folder: Path) -> dict[str, str]:
    """Return the environment of every worker."""
    return {**prefect_server.environment, "SCENARIO_FOLDER": str(scenario_folder)}


@pytest.fixture(scope="session")
def make_pool(client: SyncPrefectClient, scenario_folder: Path) -> Callable[[str, str], Runs]:
    """Return a way to make a pool of a kind with a deployment of every scenario."""

    def make(name: str, kind: str) -> Runs:
        client.create_work_pool(WorkPoolCreate(name=name, type=kind))
        return Runs(client, deploy(client, name, scenario_folder), scenario_folder)

    return make


#: A flow that is not installed, and lies in a folder that its deployment names.
COPIED = """
from prefect import flow
from prefect.states import Completed

@flow(persist_result=False)
def tell():
    return Completed(message=__file__)
"""


def deploy(client: SyncPrefectClient, pool: str, folder: Path) -> dict[str, UUID]:
    """Make a deployment of every scenario in a pool, and of one that lies in a folder."""
    made = {}
    code = folder / "code"
    code.mkdir(exist_ok=True)
    (code / "copied.py").write_text(COPIED)
    made["copied"] = client.create_deployment(
        client.create_flow(scenarios.succeed),
        f"{pool}-copied",
        entrypoint="copied.tell",
        path=str(code),
        pull_steps=[],
        work_pool_name=pool,
        enforce_parameter_schema=False,
        parameter_openapi_schema={},
    )
    for name, flow in vars(scenarios).items():
        if isinstance(flow, Flow):
            made[name] = client.create_deployment(
                client.create_flow(flow),
                f"{pool}-{name}",
                entrypoint=f"{SCENARIOS}.{name}",
                pull_steps=[],
                work_pool_name=pool,
                enforce_parameter_schema=False,
                parameter_openapi_schema={},
            )
    made["missing"] = client.create_deployment(
        client.create_flow(scenarios.succeed),
        f"{pool}-missing",
        entrypoint=f"{SCENARIOS}_that_are_not_there.missing",
        pull_steps=[],
        work_pool_name=pool,
        enforce_parameter_schema=False,
        parameter_openapi_schema={},
    )
    return made


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Return a way to start workers, which end with the test."""
    with ExitStack() as stack:

        def begin(pool: str, kind: str, *options: str, folder: Path | None = None, **variables: str) -> Worker:
            log = tmp_path / f"{pool}.log"
            worker = Worker(pool, kind, *options, environment={**environment, **variables}, log=log, folder=folder)
            return stack.enter_context(worker)

        yield begin
