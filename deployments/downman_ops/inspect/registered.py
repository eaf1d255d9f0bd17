"""What Prefect is set up with: deployments, flows, schedules, queues and the work pool."""

from collections.abc import Mapping
from typing import Any

from downman.settings import prefect_names
from downman_ops.commands import Report, Table
from downman_ops.inspect.runs import prefect

#: More than anybody makes.
MOST = 200


def registered(_options: Mapping[str, Any]) -> Report:
    """Show it. Raises `PrefectUnavailable`."""
    api, names = prefect(), prefect_names()
    ours = {"deployments": {"tags": {"all_": [names.tag]}}, "sort": "NAME_ASC"}
    deployments = [
        (
            names.to_job(deployment["name"]),
            deployment["entrypoint"],
            deployment["work_queue_name"],
            ", ".join(_describe(schedule) for schedule in deployment["schedules"]) or "on demand",
            "paused" if deployment["paused"] else "open",
        )
        for deployment in api.pages("deployments/filter", ours, most=MOST)
    ]
    pool = api.find("GET", f"work_pools/{names.pool}")
    found = api.ask("POST", f"work_pools/{names.pool}/queues/filter", {"limit": MOST}) if pool else []
    queues = [
        (
            queue["name"],
            queue["concurrency_limit"],
            queue["priority"],
            "paused" if queue["is_paused"] else "open",
        )
        for queue in sorted(found, key=lambda queue: queue["priority"])
    ]
    pools = (
        [(pool["name"], pool["type"], pool["concurrency_limit"], "paused" if pool["is_paused"] else "open")]
        if pool
        else []
    )
    return Report(
        tables=[
            Table(
                name="deployments",
                title="Jobs",
                columns={"job": "job", "flow": "flow", "queue": "queue", "runs": "runs", "state": "state"},
                rows=deployments,
            ),
            Table(
                name="queues",
                title="Queues, the one that is served first on top",
                columns={"queue": "queue", "limit": "limit", "priority": "priority", "state": "state"},
                rows=queues,
            ),
            Table(
                name="pool",
                title="Work pool",
                columns={"pool": "pool", "type": "worker type", "limit": "limit", "state": "state"},
                rows=pools,
                note="" if pool else "`downman bootstrap` creates it.",
            ),
        ]
    )


def _describe(schedule: Mapping[str, Any]) -> str:
    when = schedule["schedule"]
    words = f"every {when['interval']:.0f} s" if "interval" in when else f"{when.get('cron')} ({when.get('timezone')})"
    return words if schedule["active"] else f"{words}, paused"
