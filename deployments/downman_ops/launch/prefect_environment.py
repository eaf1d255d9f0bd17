"""The variables that Prefect's own programs read, made from ours."""

from pathlib import Path

from downman_ops.launch.databases import prefect_url

#: What a person may set differently.
DEFAULTS = {
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    # Prefect keeps five connections open and makes each further one anew, for as long as one request takes.
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "20",
}


def for_all(home: Path) -> dict[str, str]:
    """Return what every program of Prefect gets; `home` is a folder of its own."""
    return {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}


def for_server(home: Path, *, database_url: str, login: str) -> dict[str, str]:
    """Return what its server gets besides: where it keeps everything, and the user and password that open it."""
    return {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": prefect_url(database_url),
        "PREFECT_SERVER_API_AUTH_STRING": login,
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "ui"),
    }
