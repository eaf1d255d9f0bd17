"""The work pool, its queues and the mail block in Prefect, brought to what the settings say."""

from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import WorkQueueFilter
from prefect.client.schemas.objects import WorkPool, WorkQueue
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect_email import EmailServerCredentials

from downman.domain.jobs import Queue
from downman_ops.settings import PoolSettings
from prefect_warm_process.job_configuration import LIMIT_PER_WORKER
from prefect_warm_process.worker import WarmProcessWorker

#: Prefect makes this queue with every pool; nothing of ours goes there.
PREFECTS_OWN_QUEUE = "default"
#: What a warm worker loads before any run needs it: a variable of its pool's job template.
PRELOAD = "preload"


async def ensure_pool(client: PrefectClient, settings: PoolSettings) -> list[str]:
    """Create the work pool; one of another worker type is replaced. Return what was done, one line each."""
    try:
        pool = await client.read_work_pool(settings.pool)
    except ObjectNotFound:
        done = f"work pool {settings.pool}: created, type {settings.worker_type}"
    else:
        if pool.type == settings.worker_type:
            return await _ensure_variables(client, pool, settings)
        # Prefect cannot change the type; the deployments are put on the new pool right after this.
        await client.delete_work_pool(settings.pool)
        done = f"work pool {settings.pool}: replaced, type {settings.worker_type} instead of {pool.type}"
    wanted = WorkPoolCreate(name=settings.pool, type=settings.worker_type, base_job_template=_job_template(settings))
    try:
        await client.create_work_pool(wanted)
    except ObjectAlreadyExists:
        return [f"work pool {settings.pool}: created by another setup at the same time"]
    return [done]


def wanted_variables(settings: PoolSettings) -> dict[str, Any]:
    """Return what the settings say of the variables in the pool's job template; nothing for other types of worker."""
    if settings.worker_type != WarmProcessWorker.type:
        return {}
    return {PRELOAD: list(settings.preload), LIMIT_PER_WORKER: settings.limit_per_worker()}


def get_variables(template: dict[str, Any]) -> dict[str, Any]:
    """Return the variables that a job template declares, with their defaults."""
    properties = template.get("variables", {}).get("properties", {})
    return {name: declared.get("default") for name, declared in properties.items()}


async def _ensure_variables(client: PrefectClient, pool: WorkPool, settings: PoolSettings) -> list[str]:
    """Update what the settings say of the pool's job template; the rest of the template stays."""
    template = pool.base_job_template or _job_template(settings)
    wanted = wanted_variables(settings)
    found = get_variables(pool.base_job_template)
    if all(name in found and found[name] == value for name, value in wanted.items()):
        return [f"work pool {settings.pool}: unchanged"]
    properties = template.setdefault("variables", {}).setdefault("properties", {})
    declared = _job_template(settings)["variables"]["properties"]
    for name, value in wanted.items():
        # A pool of an earlier version does not declare all of them.
        properties[name] = {**declared[name], **properties.get(name, {}), "default": value}
    await client.update_work_pool(settings.pool, WorkPoolUpdate(base_job_template=template))
    return [
        f"work pool {settings.pool}: {name} is {value}" for name, value in wanted.items() if found.get(name) != value
    ]


def _job_template(settings: PoolSettings) -> dict[str, Any]:
    """Return the job template for a warm worker; nothing for other types: their first worker brings it."""
    if settings.worker_type != WarmProcessWorker.type:
        return {}
    template = WarmProcessWorker.get_default_base_job_template()
    for name, value in wanted_variables(settings).items():
        template["variables"]["properties"][name]["default"] = value
    return template


async def ensure_queues(client: PrefectClient, settings: PoolSettings) -> list[str]:
    """Create or update the queues with their limits and priorities. Return what was done, one line each."""
    # All arguments given: the client sends those left out as null, which the server refuses.
    queues = await client.read_work_queues(settings.pool, work_queue_filter=WorkQueueFilter(), limit=200, offset=0)
    found = {queue.name: queue for queue in queues}
    # In the order of priority: Prefect moves the others when one takes a priority that is held.
    by_priority = sorted(Queue, key=settings.get_priority)
    done = [await _ensure_queue(client, queue, found.get(queue), settings) for queue in by_priority]
    strays = sorted(set(found) - set(Queue) - {PREFECTS_OWN_QUEUE})
    return done + [f"queue {name}: not one of ours; left alone" for name in strays]


async def _ensure_queue(client: PrefectClient, queue: Queue, found: WorkQueue | None, settings: PoolSettings) -> str:
    limit, priority = settings.get_concurrency(queue), settings.get_priority(queue)
    if found is None:
        try:
            await client.create_work_queue(
                queue.value, concurrency_limit=limit, priority=priority, work_pool_name=settings.pool
            )
        except ObjectAlreadyExists:
            return f"queue {queue}: created by another setup at the same time"
        return f"queue {queue}: created, limit {limit}, priority {priority}"
    if (found.concurrency_limit, found.priority) == (limit, priority):
        return f"queue {queue}: unchanged"
    await client.update_work_queue(found.id, concurrency_limit=limit, priority=priority)
    return f"queue {queue}: now limit {limit}, priority {priority}"


async def ensure_mail_block(settings: PoolSettings) -> list[str]:
    """Write the mail server and its login into Prefect. Return what was done."""
    block = EmailServerCredentials(
        smtp_server=settings.mail_host,
        smtp_port=settings.mail_port,
        smtp_type=settings.mail_type,
        username=settings.mail_user or None,
        password=settings.mail_password,
    )
    await block.asave(settings.mail_block_name, overwrite=True)
    return [f"block {settings.mail_block_name}: {settings.mail_host}:{settings.mail_port} ({settings.mail_type})"]
