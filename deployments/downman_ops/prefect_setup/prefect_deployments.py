"""Prefect's deployments, brought to what `prefect.yaml` says: no less, and no more."""

from collections.abc import Sequence
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.client.schemas.sorting import DeploymentSort
from prefect.exceptions import ObjectNotFound
from prefect.utilities.callables import parameter_schema

from downman.domain.jobs import TAG, PrefectNames
from downman_ops.prefect_setup.prefect_file import DeploymentSpec, PrefectFile, ScheduleSpec
from downman_ops.settings import PoolSettings
from prefect_warm_process.worker import WarmProcessWorker

#: Seconds between two signs of life of a run, the fewest that Prefect allows.
HEARTBEAT_SECONDS = 30


async def apply_deployments(client: PrefectClient, file: PrefectFile, settings: PoolSettings) -> list[str]:
    """Deploy everything in the file and take away what is ours but not in it. Give what was done, one line each."""
    # All flows first: one that does not import must not leave half of the file deployed.
    flows = [spec.flow() for spec in file.deployments]
    names, done = settings.names, list[str]()
    for spec, flow in zip(file.deployments, flows, strict=True):
        done += await _surplus_schedules(client, spec, names)
        flow_id = await client.create_flow_from_name(spec.name.value)
        # Created or updated; the server puts these schedules in the place of all that it had.
        await client.create_deployment(
            flow_id=flow_id,
            name=names.to_deployment(spec.name),
            version=flow.version,
            description=spec.description,
            entrypoint=spec.entrypoint,
            tags=[names.tag if tag == TAG else tag for tag in spec.tags],
            work_pool_name=names.pool,
            work_queue_name=spec.work_pool.work_queue_name.value,
            job_variables=_job_variables(spec, settings),
            parameters=spec.parameters,
            parameter_openapi_schema=parameter_schema(flow).model_dump(exclude_unset=True),
            enforce_parameter_schema=True,
            schedules=[_schedule(schedule) for schedule in spec.schedules],
            pull_steps=[],
        )
        done.append(f"deployment {spec.name}: {spec.entrypoint} on queue {spec.work_pool.work_queue_name}")
    return done + await _retire(client, file.deployments, names)


def _job_variables(spec: DeploymentSpec, settings: PoolSettings) -> dict[str, Any]:
    """Let runs give signs of life themselves where no warm worker gives them for its children.

    Without any, a run whose machine is gone would hold a slot of its queue indefinitely (`automations`).
    """
    given = spec.work_pool.job_variables
    if settings.worker_type == WarmProcessWorker.type:
        return given
    return {**given, "env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS), **given.get("env", {})}}


async def _surplus_schedules(client: PrefectClient, spec: DeploymentSpec, names: PrefectNames) -> list[str]:
    """Tell the schedules that Prefect has and the file has not; they go when the deployment is brought up to date."""
    try:
        existing = await client.read_deployment_by_name(f"{spec.name}/{names.to_deployment(spec.name)}")
    except ObjectNotFound:
        return []
    wanted = {schedule.slug for schedule in spec.schedules}
    surplus = [schedule for schedule in existing.schedules if schedule.slug not in wanted]
    return [f"deployment {spec.name}: retired the schedule {schedule.slug or schedule.id}" for schedule in surplus]


async def _retire(client: PrefectClient, specs: Sequence[DeploymentSpec], names: PrefectNames) -> list[str]:
    kept = {names.to_deployment(spec.name) for spec in specs}
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[names.tag]))
    done: list[str] = []
    for deployment in await client.read_deployments(deployment_filter=ours, sort=DeploymentSort.NAME_ASC, limit=200):
        if deployment.name not in kept:
            await client.delete_deployment(deployment.id)
            done.append(f"deployment {deployment.name}: retired")
    return done


def _schedule(spec: ScheduleSpec) -> DeploymentScheduleCreate:
    if spec.interval is not None:
        every = IntervalSchedule(interval=spec.interval, timezone=spec.timezone)
        return DeploymentScheduleCreate(schedule=every, active=spec.active, slug=spec.slug)
    at = CronSchedule(cron=spec.cron or "", timezone=spec.timezone)
    return DeploymentScheduleCreate(schedule=at, active=spec.active, slug=spec.slug)
