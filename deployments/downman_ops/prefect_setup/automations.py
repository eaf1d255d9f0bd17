"""What Prefect does automatically when a run dies: it is marked as crashed, and its order is recovered."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from downman.domain.jobs import SILENCE_SECONDS, AutomationName, Job, PrefectNames

_RUN_ENDED_BADLY = {"prefect.flow-run.Crashed", "prefect.flow-run.Cancelled", "prefect.flow-run.Failed"}


async def ensure_automations(client: PrefectClient, names: PrefectNames) -> list[str]:
    """Create or update the automations. Return what was done, one line each."""
    recovery = await client.read_deployment_by_name(f"{Job.RECOVER_STALLED}/{names.to_deployment(Job.RECOVER_STALLED)}")
    return [await _ensure(client, wanted) for wanted in _automations(recovery.id, names)]


def _automations(recovery_id: UUID, names: PrefectNames) -> Sequence[AutomationCore]:
    return [
        AutomationCore(
            name=names.to_automation(AutomationName.SILENT_RUN),
            description="Its worker or its machine is gone. The run no longer holds a slot of its queue.",
            trigger=EventTrigger(
                posture=Posture.Proactive,
                match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
                match_related=ResourceSpecification(
                    {"prefect.resource.id": f"prefect.tag.{names.tag}", "prefect.resource.role": "tag"}
                ),
                # Not only after a heartbeat: a run may die before its first one.
                after={"prefect.flow-run.Pending", "prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
                expect={"prefect.flow-run.*"},
                for_each={"prefect.resource.id"},
                threshold=1,
                within=timedelta(seconds=SILENCE_SECONDS),
            ),
            actions=[
                ChangeFlowRunState(
                    state=StateType.CRASHED,
                    message=f"No heartbeat for {SILENCE_SECONDS} s: its worker or its machine is gone.",
                )
            ],
        ),
        AutomationCore(
            name=names.to_automation(AutomationName.DEAD_RUN),
            description=f"Runs {Job.RECOVER_STALLED} immediately instead of at its next turn.",
            trigger=EventTrigger(
                posture=Posture.Reactive,
                match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
                match_related=ResourceSpecification(
                    {
                        "prefect.resource.name": names.to_deployment(Job.PACKAGE_REQUEST),
                        "prefect.resource.role": "deployment",
                    }
                ),
                expect=_RUN_ENDED_BADLY,
                for_each={"prefect.resource.id"},
                threshold=1,
                within=timedelta(seconds=0),
            ),
            actions=[RunDeployment(source="selected", deployment_id=recovery_id)],
        ),
    ]


async def _ensure(client: PrefectClient, wanted: AutomationCore) -> str:
    found = await client.read_automations_by_name(wanted.name)
    if not found:
        await client.create_automation(wanted)
        return f"automation {wanted.name!r}: created"
    first, *others = found
    for surplus in others:
        await client.delete_automation(surplus.id)
    if _core(first) == _core(wanted):
        return f"automation {wanted.name!r}: unchanged"
    # All fields given: what is left out would stay as it is.
    await client.update_automation(first.id, AutomationCore(**wanted.model_dump(exclude={"owner_resource"})))
    return f"automation {wanted.name!r}: updated"


def _core(automation: Automation | AutomationCore) -> dict[str, object]:
    fields = set(AutomationCore.model_fields)
    return AutomationCore.model_validate(automation.model_dump(include=fields)).model_dump()
