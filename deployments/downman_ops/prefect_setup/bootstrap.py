"""Sets Prefect up for downman, again and again without harm: `downman bootstrap`.

Pool, queues and mail server come from the environment (`DOWNMAN_*`, see `downman_ops.settings`), deployments and
schedules from `prefect.yaml`; what is ours in Prefect but no longer in the file is deleted. Workers learn of it
without a restart. Everything goes through one client in one process: the same by `prefect` commands costs three seconds
for each of them.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from downman.prefect_api import PrefectApi
from downman_ops.errors import ConfigurationError
from downman_ops.launch.env_file import load_env
from downman_ops.prefect_setup.automations import ensure_automations
from downman_ops.prefect_setup.crashed_runs import declare_crashed_runs
from downman_ops.prefect_setup.drift import compare, to_report
from downman_ops.prefect_setup.prefect_deployments import apply_deployments
from downman_ops.prefect_setup.prefect_file import PREFECT_FILE, PrefectFile, read_prefect_file
from downman_ops.prefect_setup.work_pool import ensure_mail_block, ensure_pool, ensure_queues
from downman_ops.rendering import as_shown
from downman_ops.settings import PoolSettings

POLL_SECONDS = 0.1
#: Seconds within which Prefect must have answered, or it is asked again.
ANSWER_SECONDS = 5.0


async def bootstrap(
    settings: PoolSettings, file: PrefectFile, *, crashed_before: datetime | None = None
) -> AsyncIterator[str]:
    """Bring the Prefect server of the environment to what settings and file say, and yield a line for each change.

    With `crashed_before`, runs that Prefect has had as running since before then are declared crashed: only right when
    no worker was running at that time.
    """
    async with get_client() as client:
        for line in await ensure_pool(client, settings):
            yield line
        for line in await ensure_queues(client, settings):
            yield line
        if crashed_before is not None:
            for line in await declare_crashed_runs(client, pool=settings.pool, before=crashed_before):
                yield line
        for line in await ensure_mail_block(settings):
            yield line
        for line in await apply_deployments(client, file, settings):
            yield line
        for line in await ensure_automations(client, settings.names):
            yield line


#: Seconds after which it is said what is waited for.
SILENT_SECONDS = 2.0


def wait_for_prefect(seconds: float) -> None:
    """Wait until Prefect's API answers. Raises `ConfigurationError` when it does not for so many seconds."""
    settings = get_current_settings().api
    if settings.url is None:
        raise ConfigurationError("PREFECT_API_URL is not set: nobody knows which Prefect server to set up.")
    login = settings.auth_string.get_secret_value() if settings.auth_string else ""
    api = PrefectApi(api_url=settings.url, auth_string=login, timeout_seconds=ANSWER_SECONDS)
    began, said = time.monotonic(), False
    while not api.is_up():
        waited = time.monotonic() - began
        if not said and waited > SILENT_SECONDS:
            said = True
            print(f"Waiting for Prefect's server at {settings.url}, up to {seconds:.0f} s ...", flush=True)  # noqa: T201
        if waited > seconds:
            raise ConfigurationError(
                f"Prefect at {settings.url} did not answer for {seconds:.0f} s, or refuses the login. Start its server "
                "(`downman service prefect`); or name where it is, and its login: PREFECT_API_URL and "
                "PREFECT_API_AUTH_STRING, or DOWNLOADS_PREFECT_API_URL and DOWNLOADS_PREFECT_API_AUTH_STRING in the "
                "settings of a site."
            )
        time.sleep(POLL_SECONDS)


async def _show(settings: PoolSettings) -> int:
    async with get_client() as client:
        found = await compare(client, settings)
    report = to_report(found)
    print(as_shown(report, sys.stdout))  # noqa: T201
    return report.status


async def _tell(settings: PoolSettings, file: PrefectFile, crashed_before: datetime | None) -> None:
    async for line in bootstrap(settings, file, crashed_before=crashed_before):
        print(line, flush=True)  # noqa: T201 - this is a command


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit status. Raises `ConfigurationError`."""
    began = datetime.now(UTC)
    load_env()
    settings, file = PoolSettings(), read_prefect_file(options.file or PREFECT_FILE)
    for spec in file.deployments:
        spec.flow()  # loads the flows' modules while the server may still be coming up
    wait_for_prefect(options.wait_seconds)
    if options.show:
        return asyncio.run(_show(settings))
    asyncio.run(_tell(settings, file, began if options.declare_crashed_runs else None))
    return 0
