"""The database of Prefect's server, of which its API says nothing: PostgreSQL and SQLite sort differently."""

from collections.abc import Iterator

from downman.prefect_api import PrefectApi
from downman_ops.doctor.findings import Finding, ok, warning

PART = "Prefect's database"
_HINT = (
    "Start the server with `downman service prefect`, or give it "
    "PREFECT_SERVER_DATABASE_CONNECTION_URL=postgresql+asyncpg://user:password@host/name; then: downman service setup"
)


def check_prefect_database(api: PrefectApi) -> Iterator[Finding]:
    """Check that it is no SQLite; nothing is known until a run has ended and another one has not.

    In descending order PostgreSQL has NULL first and SQLite last, and a run that has not ended has no time of its end.
    """
    if not all(_has_run(api, is_ended=is_ended) for is_ended in (True, False)):
        return
    (first,) = api.ask("POST", "flow_runs/filter", {"sort": "END_TIME_DESC", "limit": 1})
    if first["end_time"] is None:
        yield ok(PART, "PostgreSQL")
        return
    found = (
        "it is SQLite: orders are packaged, but while several runs work it is often locked, and requests for runs wait "
        "or fail and come minutes late"
    )
    yield warning(PART, found, _HINT)


def _has_run(api: PrefectApi, *, is_ended: bool) -> bool:
    wanted = {"flow_runs": {"end_time": {"is_null_": not is_ended}}, "limit": 1}
    return bool(api.ask("POST", "flow_runs/filter", wanted))
