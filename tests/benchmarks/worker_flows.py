"""The flow that the benchmark of the workers runs: nothing, so that what is measured is all around it."""

from prefect import flow


@flow(persist_result=False)
async def empty() -> None:
    """Do nothing."""
