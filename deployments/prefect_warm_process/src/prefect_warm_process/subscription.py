"""The events of a work pool: that a run may be waiting, and that one is to be cancelled."""

import logging
from collections.abc import Callable, Collection
from uuid import UUID

import anyio
from prefect.client.schemas.objects import StateType
from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

logger = logging.getLogger("prefect.worker.warm_process")

FLOW_RUN = "prefect.flow-run."
CANCELLING = f"{FLOW_RUN}Cancelling"
#: States of a run that neither ask for a worker nor free a slot.
IN_PROGRESS = frozenset({StateType.PENDING, StateType.RUNNING, StateType.CANCELLING})
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0


class PoolSubscription:
    """Listens to the events of one work pool, and connects again whenever the connection is lost."""

    def __init__(
        self,
        pool_id: UUID,
        queues: Collection[str],
        *,
        on_work: Callable[[UUID | None], None],
        on_cancelling: Callable[[UUID], None],
        on_connected: Callable[[], None],
    ) -> None:
        """`on_work` gets the run that waits, or None when a slot came free; empty `queues` are all queues."""
        self._filter = EventFilter(
            event=EventNameFilter(prefix=[FLOW_RUN]),
            any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
        )
        self._queues = frozenset(queues)
        self._on_work = on_work
        self._on_cancelling = on_cancelling
        self._on_connected = on_connected
        self.connected = False

    async def run(self) -> None:
        """Listen until cancelled."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async with get_events_subscriber(self._filter, reconnection_attempts=0) as events:
                    self.connected = True
                    pause = FIRST_PAUSE_SECONDS
                    self._on_connected()
                    async for event in events:
                        self._handle(event)
            except Exception as exc:  # noqa: BLE001 - whatever is wrong with it, the worker polls meanwhile
                if self.connected or pause == FIRST_PAUSE_SECONDS:
                    logger.warning("No events from the server (%s); polling until they come again.", exc or type(exc))
            finally:
                self.connected = False
            await anyio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _handle(self, event: Event) -> None:
        try:
            flow_run_id = UUID(event.resource.id.removeprefix(FLOW_RUN))
        except ValueError:
            return
        if event.event == CANCELLING:
            self._on_cancelling(flow_run_id)
            return
        kind = (event.payload.get("validated_state") or {}).get("type")
        if kind is None or kind in IN_PROGRESS or not self._is_ours(event):
            return
        self._on_work(flow_run_id if kind == StateType.SCHEDULED else None)

    def _is_ours(self, event: Event) -> bool:
        queues = {resource.name for resource in event.related if resource.role == "work-queue"}
        return not self._queues or bool(self._queues & queues)
