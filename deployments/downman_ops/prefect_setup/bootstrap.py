"""Sets Prefect up for downman, again and again without harm: `python -m downman_ops.prefect_setup.bootstrap`.

Pool, queues and mail server come from the environment (`DOWNMAN_*`, see `downman_ops.settings`), deployments and
schedules from `prefect.yaml`; what is ours in Prefect but no longer in the file is taken away. Workers learn of it
without a restart. Everything goes through one client in one process: the same by `prefect` commands costs three seconds
for each of them.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings

from downman_ops.errors import ConfigurationError
from downman_ops.launch.env_file import enter
from downman_ops.prefect_setup.automations import ensure_automations
from downman_ops.prefect_setup.crashed_runs import declare_crashed_runs
from downman_ops.prefect_setup.drift import as_text, compare
from downman_ops.prefect_setup.prefect_deployments import apply_deployments
from downman_ops.prefect_setup.prefect_file import PREFECT_FILE, PrefectFile, read_prefect_file
from downman_ops.prefect_setup.prefect_startup_api import PrefectApi
from downman_ops.prefect_setup.work_pool import ensure_mail_block, ensure_pool, ensure_queues
from downman_ops.settings import PoolSettings

POLL_SECONDS = 0.1


async def bootstrap(
    settings: PoolSettings, file: PrefectFile, *, crashed_before: datetime | None = None
) -> AsyncIterator[str]:
    """Bring the Prefect server of the environment to what settings and file say, and tell each thing done.

    With `crashed_before`, runs that have been under way since before then are declared lost: only right when no worker
    has been running at that time.
    """
    async with get_client() as client:
        for line in await ensure_pool(client, settings):
            yield line
        for line in await ensure_queues(client, settings):
            yield line
        if crashed_before is not None:
            for line in await declare_crashed_runs(client, before=crashed_before):
                yield line
        for line in await ensure_mail_block(settings):
            yield line
        for line in await apply_deployments(client, file, settings):
            yield line
        for line in await ensure_automations(client):
            yield line


def wait_for_prefect(seconds: float) -> None:
    """Wait until Prefect's API answers. Raises `ConfigurationError` when it does not for so many seconds."""
    settings = get_current_settings().api
    if settings.url is None:
        raise ConfigurationError("PREFECT_API_URL is not set: nobody knows which Prefect server to set up.")
    api = PrefectApi(settings.url, settings.auth_string.get_secret_value() if settings.auth_string else "")
    deadline = time.monotonic() + seconds
    while not api.is_up():
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"Prefect at {settings.url} did not answer for {seconds:.0f} s, or refuses PREFECT_API_AUTH_STRING."
            )
        time.sleep(POLL_SECONDS)


async def _show(settings: PoolSettings) -> int:
    async with get_client() as client:
        found = await compare(client, settings)
    print(as_text(found))  # noqa: T201
    return int(any(setting.differs for setting in found))


async def _tell(settings: PoolSettings, file: PrefectFile, crashed_before: datetime | None) -> None:
    async for line in bootstrap(settings, file, crashed_before=crashed_before):
        print(line, flush=True)  # noqa: T201 - this is a command


def main() -> int:
    """Run the command and give its exit status."""
    began = datetime.now(UTC)
    parser = argparse.ArgumentParser(prog="python -m downman_ops.prefect_setup.bootstrap", description=__doc__)
    parser.add_argument("--wait-seconds", type=float, default=60, help="how long to wait for Prefect's server")
    parser.add_argument(
        "--declare-crashed-runs", action="store_true", help="no worker runs now: what seems under way has crashed"
    )
    parser.add_argument(
        "--show", action="store_true", help="change nothing: show what is in force, and what differs (exit status 1)"
    )
    parser.add_argument("--file", type=Path, default=PREFECT_FILE, help="another prefect.yaml than downman's own")
    arguments = parser.parse_args()
    try:
        enter()
        settings, file = PoolSettings(), read_prefect_file(arguments.file)
        for spec in file.deployments:
            spec.flow()  # loads the flows' modules while the server may still be coming up
        wait_for_prefect(arguments.wait_seconds)
        if arguments.show:
            return asyncio.run(_show(settings))
        asyncio.run(_tell(settings, file, began if arguments.declare_crashed_runs else None))
    except ConfigurationError as exc:
        for line in str(exc).splitlines():
            print(f"downman: {line}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
