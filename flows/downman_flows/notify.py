"""The job `send-notices`."""

from typing import Any

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact
from prefect.states import Completed
from prefect_email import EmailServerCredentials

from downman.domain.jobs import Job
from downman_flows.wiring import run_in_django


@flow(name=Job.SEND_NOTICES.value, persist_result=False)
async def send_notices() -> Any:
    """Send every mail that is due, over as few connections as the mail server allows."""
    block = await run_in_django(_block_name)
    credentials = await EmailServerCredentials.aload(block)
    sent = await run_in_django(_send, credentials)
    if sent.sent or sent.failed:
        await acreate_markdown_artifact(key="notices", markdown=sent.describe())
    return Completed(message=sent.describe())


def _block_name() -> str:
    from downman.settings import app_settings  # noqa: PLC0415

    return app_settings().mail_block


def _send(credentials: EmailServerCredentials) -> Any:
    from downman_flows.runs.sending import send_due  # noqa: PLC0415

    return send_due(credentials)
