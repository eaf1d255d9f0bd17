"""Signs of life of runs, given by the worker whose children they are.

Prefect's own are given by each run, which opens a connection of its own for the first of them: 0.2 s of an order that
is packaged in half a second. The worker knows as well whether a child lives, and tells only of those that run for long.
"""

from prefect.client.schemas.objects import FlowRun
from prefect.events import RelatedResource, emit_event
from prefect.events.related import tags_as_related_resources


def emit_heartbeat(flow_run: FlowRun) -> None:
    """Emit the event that Prefect's own runs emit, with the same resources, so that automations know no difference."""
    related = [
        RelatedResource({"prefect.resource.id": f"prefect.flow.{flow_run.flow_id}", "prefect.resource.role": "flow"})
    ]
    if flow_run.deployment_id is not None:
        deployment = f"prefect.deployment.{flow_run.deployment_id}"
        related.append(RelatedResource({"prefect.resource.id": deployment, "prefect.resource.role": "deployment"}))
    emit_event(
        event="prefect.flow-run.heartbeat",
        resource={
            "prefect.resource.id": f"prefect.flow-run.{flow_run.id}",
            "prefect.resource.name": flow_run.name,
        },
        related=[*related, *tags_as_related_resources(set(flow_run.tags))],
    )
