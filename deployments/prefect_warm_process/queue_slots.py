"""How many runs of each queue one worker has under way, and may have."""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from prefect.client.schemas.objects import FlowRun


class QueueSlots:
    """The places of one worker; a queue without a limit has as many as come."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._held: dict[UUID, str] = {}

    def take(self, flow_run: FlowRun, limits: Mapping[str, int]) -> bool:
        """Return a run a place unless its queue has none left here; a second time changes nothing."""
        queue = flow_run.work_queue_name or ""
        if flow_run.id not in self._held:
            if queue in limits and Counter(self._held.values())[queue] >= limits[queue]:
                return False
            self._held[flow_run.id] = queue
        return True

    def leave(self, flow_run_id: UUID) -> None:
        """Free the place of a run, if it has one."""
        self._held.pop(flow_run_id, None)
