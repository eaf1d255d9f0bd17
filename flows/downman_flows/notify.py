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
    block, key = await run_in_django(_names)
    credentials = await EmailServerCredentials.aload(block)
    sent = await run_in_django(_send, credentials)
    if sent.sent or sent.failed:
        await acreate_markdown_artifact(key=key, markdown=sent.describe())
    return Completed(message=sent.describe())


def _names() -> tuple[str, str]:
    """Return the names of the block with the mail server, and of the artifact that says what was sent."""
    from downman.settings import app_settings  # noqa: PLC0415

    settings = app_settings()
    return settings.mail_block_name, settings.names.prefixed("notices")


def _send(credentials: EmailServerCredentials) -> Any:
    from downman_flows.runs.sending import send_due  # noqa: PLC0415

    return send_due(credentials)
