"""The slots that one worker has for each queue: how many runs it executes, and may execute."""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from prefect.client.schemas.objects import FlowRun


class QueueSlots:
    """The slots of one worker; a queue without a limit has as many as are needed."""

    def __init__(self) -> None:
        """Start with all slots free."""
        self._held: dict[UUID, str] = {}

    def acquire(self, flow_run: FlowRun, limits: Mapping[str, int]) -> bool:
        """Return whether a run has a slot of its queue here now; a second call for it changes nothing."""
        queue = flow_run.work_queue_name or ""
        if flow_run.id not in self._held:
            if queue in limits and Counter(self._held.values())[queue] >= limits[queue]:
                return False
            self._held[flow_run.id] = queue
        return True

    def release(self, flow_run_id: UUID) -> None:
        """Free the slot of a run, if it has one."""
        self._held.pop(flow_run_id, None)
