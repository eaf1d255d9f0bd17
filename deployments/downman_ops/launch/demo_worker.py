"""The demo's Prefect worker: loads Prefect while the server still comes up, then is `prefect worker start`."""

import sys
import time

WORKER_NAME = "demo"
POLL_SECONDS = 0.2
ANSWER_SECONDS = 5.0


def main() -> None:
    """Wait for the work pool, then run Prefect's own command in this process, which has loaded it already."""
    # Loading takes seconds, which would otherwise come after the server's.
    import prefect.cli.worker  # noqa: F401, PLC0415
    from prefect.cli import app  # noqa: PLC0415
    from prefect.settings import get_current_settings  # noqa: PLC0415

    import prefect_warm_process.worker  # noqa: F401, PLC0415
    from downman.prefect_api import PrefectApi  # noqa: PLC0415
    from downman_ops.settings import PoolSettings  # noqa: PLC0415

    settings = get_current_settings().api
    auth = settings.auth_string.get_secret_value() if settings.auth_string else ""
    api = PrefectApi(api_url=str(settings.url), auth_string=auth, timeout_seconds=ANSWER_SECONDS)
    pool = PoolSettings()
    while not api.has_pool(pool.pool):
        time.sleep(POLL_SECONDS)
    sys.argv = ["prefect", "worker", "start", "--pool", pool.pool, "--type", pool.worker_type, "--name", WORKER_NAME]
    app()


if __name__ == "__main__":
    main()
