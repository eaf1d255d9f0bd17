"""The job `package-request`."""

import asyncio
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_link_artifact, acreate_table_artifact
from prefect.runtime import flow_run
from prefect.states import Completed

from downman.domain.jobs import Job
from downman_flows.wiring import get_dependencies, run_in_django


@flow(name=Job.PACKAGE_REQUEST.value, persist_result=False)
async def package_request(request_id: int) -> Any:
    """Fetch, prove, zip and deliver what is due of one request.

    Only the flow function is asynchronous: a synchronous flow ends about a second late (docs/explanation). It takes an
    id, never a payload: what the request is about stands in the site's database.
    """
    report = await run_in_django(_package, request_id, str(flow_run.get_id()), get_run_logger())
    if report.rows:
        key = await run_in_django(_artifact_key, request_id)
        artifacts = [
            acreate_table_artifact(
                key=key,
                table=report.rows,
                description=f"**Order {report.number}** · {report.message}",
            )
        ]
        if report.admin_url:
            # Never the tracking page: who reads Prefect's artifacts, database or logs could cancel the order there.
            link_text = f"Order {report.number} in the admin"
            artifacts.append(acreate_link_artifact(key=f"{key}-admin", link=report.admin_url, link_text=link_text))
        await asyncio.gather(*artifacts)
    return Completed(name=report.outcome or "Completed", message=report.message)


def _artifact_key(request_id: int) -> str:
    from downman.settings import prefect_names  # noqa: PLC0415

    return prefect_names().prefixed(f"request-{request_id}")


def _package(request_id: int, owner: str, log: Any) -> Any:
    from downman_flows.runs.packaging_run import package_request as deliver  # noqa: PLC0415

    return deliver(request_id, owner=owner, dependencies=get_dependencies(), log=log)
