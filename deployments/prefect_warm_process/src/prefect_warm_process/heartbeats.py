"""Heartbeats of runs, emitted by the worker whose children they are.

Prefect's own are emitted by each run, which opens a connection of its own for the first of them: 0.2 s of a run that
may take half a second. The worker knows as well whether a child lives, and emits them only for those that run for long.
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
