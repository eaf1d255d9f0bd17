"""Gives a run that this worker has ended back to the server, so that another worker takes it."""

import logging

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Abort, ObjectNotFound, Pause
from prefect.states import AwaitingRetry
from prefect.utilities.engine import propose_state

logger = logging.getLogger("prefect.worker.warm_process")

RELEASED = "Its worker stopped; the run was released."


async def schedule_again(client: PrefectClient, flow_run: FlowRun) -> None:
    """Have a run scheduled again that has not ended by itself."""
    try:
        now = await client.read_flow_run(flow_run.id)
        if now.state is not None and now.state.is_final() and not now.state.is_crashed():
            return
        if now.empirical_policy.retry_type == "in_process":
            # The run would wait for its own process to go on, which has ended.
            now.empirical_policy.retry_type = "reschedule"
            await client.update_flow_run(flow_run.id, empirical_policy=now.empirical_policy)
        await propose_state(client, AwaitingRetry(message=RELEASED), flow_run_id=flow_run.id)
        logger.info("Released flow run '%s'.", flow_run.name)
    except (Abort, Pause, ObjectNotFound):
        logger.info("Flow run '%s' was not released: the server has decided otherwise.", flow_run.name)
    except Exception:
        logger.exception("Flow run '%s' could not be released.", flow_run.name)
