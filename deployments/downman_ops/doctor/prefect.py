"""Everything that Prefect's server holds of ours, and the mail server whose login lies there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

import httpx

from downman.domain.jobs import Queue
from downman.prefect_api import LoginRefused, PrefectApi, PrefectUnavailable
from downman.settings import AppSettings, app_settings, prefect_names
from downman_ops.doctor.clock import compare_clocks
from downman_ops.doctor.deployments import check_automations, check_deployments
from downman_ops.doctor.failures import check_failures
from downman_ops.doctor.findings import Finding, ok, run_check, warning, wrong
from downman_ops.doctor.mail_server import check_mail_server
from downman_ops.doctor.pool import check_pool, check_queue, check_workers
from downman_ops.doctor.prefect_database import PART as DATABASE
from downman_ops.doctor.prefect_database import check_prefect_database
from downman_ops.doctor.runs import check_runs

PART = "Prefect"
#: Seconds within which a server must have answered first, and after that.
FIRST_ANSWER_SECONDS, ANSWER_SECONDS = 2.0, 10.0
#: Half of the whole seconds in which HTTP tells the time.
_HALF_A_SECOND = timedelta(seconds=0.5)


def check_prefect(*, test_mail_to: str | None) -> tuple[list[Finding], bool]:
    """Return the findings, and whether Prefect's server could be asked. The database is not touched."""
    settings = app_settings()
    try:
        api = PrefectApi.from_settings(timeout_seconds=ANSWER_SECONDS)
    except (httpx.InvalidURL, ValueError):
        hint = "Set PREFECT_API_URL to a URL such as http://127.0.0.1:4200/api."
        return [wrong(PART, "PREFECT_API_URL is not a URL", hint)], False
    try:
        before = datetime.now(UTC)
        version, date = api.version_and_time(timeout_seconds=FIRST_ANSWER_SECONDS)
        after = datetime.now(UTC)
        found = [_version(version, settings)]
        if date is not None:
            found.append(compare_clocks("Prefect", theirs=date + _HALF_A_SECOND, before=before, after=after))
        # Times that the server wrote are compared with its own clock.
        return found + _run_checks(api, now=date or after, test_mail_to=test_mail_to), True
    except PrefectUnavailable as exc:
        return [_away(exc, settings)], False
    finally:
        api.close()


def _run_checks(api: PrefectApi, *, now: datetime, test_mail_to: str | None) -> list[Finding]:
    queues: Mapping[str, Any] = {
        queue["name"]: queue
        for queue in api.find("POST", f"work_pools/{prefect_names().pool}/queues/filter", {"limit": 200}) or ()
    }
    checks: Sequence[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("mail server", partial(check_mail_server, api, test_mail_to=test_mail_to)),
        (DATABASE, partial(check_prefect_database, api)),
        ("work pool", partial(check_pool, api)),
        ("workers", partial(check_workers, api, now=now)),
        *((f"queue {name}", partial(check_queue, api, name, queues.get(name), now=now)) for name in Queue),
        ("runs", partial(check_runs, api, now=now)),
        ("jobs", partial(check_failures, api, now=now)),
        ("deployments", partial(check_deployments, api)),
        ("automations", partial(check_automations, api)),
    ]
    with ThreadPoolExecutor(max_workers=len(checks), thread_name_prefix="doctor") as threads:
        return [finding for found in threads.map(lambda check: run_check(*check), checks) for finding in found]


def _version(version: str, settings: AppSettings) -> Finding:
    found = f"{version} at {_where(settings)}, and accepts our login"
    try:
        installed = metadata.version("prefect")
    except metadata.PackageNotFoundError:
        return ok(PART, f"{found}; none is installed here")
    if version == installed:
        return ok(PART, found)
    hint = f"Run one version on all machines: pip install prefect=={version} here, or upgrade the server first."
    is_near = version.split(".")[:2] == installed.split(".")[:2]
    return (warning if is_near else wrong)(PART, f"{found}; {installed} is installed here", hint)


def _away(exc: PrefectUnavailable, settings: AppSettings) -> Finding:
    where = _where(settings)
    if isinstance(exc, LoginRefused):
        hint = "Set PREFECT_API_AUTH_STRING to what the server has as PREFECT_SERVER_API_AUTH_STRING."
        return wrong(PART, f"{where} refuses our login ({exc})", hint)
    hint = "See that the server runs (its service, or `downman service prefect`), and that PREFECT_API_URL is its own."
    return wrong(PART, f"{where} does not answer ({exc}); orders are kept, and continue when it is back", hint)


def _where(settings: AppSettings) -> str:
    """Return the URL without a login that somebody may have written into it."""
    parts = urlsplit(settings.prefect_api_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
