"""`prefect.yaml` and the code agree, and a fault in it is an error instead of something done in silence."""

from pathlib import Path

import pytest
import yaml

from downman.domain.jobs import DEFAULT_POOL, Job, Queue
from downman_ops.errors import ConfigurationError
from downman_ops.prefect_setup.prefect_file import PREFECT_FILE, DeploymentSpec, read_prefect_file

DEPLOYMENTS = read_prefect_file().deployments


def test_every_job_is_deployed_once_and_nothing_else() -> None:
    assert sorted(spec.name for spec in DEPLOYMENTS) == sorted(Job)


@pytest.mark.parametrize("spec", DEPLOYMENTS, ids=lambda spec: str(spec.name))
def test_the_entrypoint_is_a_flow_of_the_same_name(spec: DeploymentSpec) -> None:
    assert spec.flow().name == spec.name


def test_every_queue_is_used_and_work_goes_to_our_pool() -> None:
    assert {spec.work_pool.work_queue_name for spec in DEPLOYMENTS} == set(Queue)
    assert {spec.work_pool.name for spec in DEPLOYMENTS} == {DEFAULT_POOL}


def test_maintenance_runs_by_itself_and_orders_do_not() -> None:
    seconds = {
        spec.name: [int(schedule.interval.total_seconds()) for schedule in spec.schedules if schedule.interval]
        for spec in DEPLOYMENTS
    }
    assert seconds == {
        Job.PACKAGE_REQUEST: [],
        Job.SEND_NOTICES: [],
        Job.CLEAN_EXPIRED: [20 * 60],
        Job.SWEEP_ORPHANS: [],
        Job.RECOVER_STALLED: [60],
    }


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("work_queue_name: package", "work_queue_name: pakage", "'package', 'notify' or 'maintenance'"),
        ("name: package-request", "name: package-order", "'package-request'"),
        ("name: downman\n      work_queue_name: notify", "name: other\n      work_queue_name: notify", "'downman'"),
        ("slug: every-minute", "slog: every-minute", "slug: Field required"),
        ("tags: [downman]", "tags: [other]", "tag 'downman' is missing"),
        ("interval: 60", "interval: often", "interval"),
        ("pull: []", "pull: [{git_clone: {}}]", "pull"),
    ],
)
def test_a_fault_in_the_file_is_an_error(tmp_path: Path, good: str, bad: str, said: str) -> None:
    text = PREFECT_FILE.read_text()
    assert good in text
    file = tmp_path / "prefect.yaml"
    file.write_text(text.replace(good, bad))

    with pytest.raises(ConfigurationError, match="is wrong") as refused:
        read_prefect_file(file)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("entrypoint", "said"),
    [
        ("downman_flows.package.request_id", "is not a flow"),
        ("downman_flows.notify.send_notices", "is named 'send-notices'"),
    ],
)
def test_an_entrypoint_that_is_another_or_no_flow_is_an_error(entrypoint: str, said: str) -> None:
    spec = next(spec for spec in DEPLOYMENTS if spec.name == Job.PACKAGE_REQUEST)

    with pytest.raises(ConfigurationError, match=said):
        spec.model_copy(update={"entrypoint": entrypoint}).flow()


def test_an_entrypoint_that_does_not_import_says_so_itself() -> None:
    spec = DEPLOYMENTS[0].model_copy(update={"entrypoint": "downman_flows.no_such_module.flow"})

    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        spec.flow()


def test_the_file_is_what_prefects_own_command_reads() -> None:
    whole = yaml.safe_load(PREFECT_FILE.read_text())

    assert whole["pull"] == []
    assert [item["name"] for item in whole["deployments"]] == [spec.name for spec in DEPLOYMENTS]
