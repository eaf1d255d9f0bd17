"""Settings of the services of an installation, read from environment variables."""

from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from downman.setting_types import DatabaseUrl, Port
from downman_site.environment import PREFIX, SiteEnvironment


class ServiceSettings(SiteEnvironment):
    """Read by `downman service`, in addition to those of the site."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    prefect_database_url: DatabaseUrl = Field(
        default=SecretStr(""), description="URL of the PostgreSQL database of Prefect's server."
    )
    site_bind: str = Field(
        default="127.0.0.1:8000", description="Where the site listens: `host:port`, or `unix:/path`."
    )
    site_processes: int = Field(default=2, ge=1, le=1000, description="Processes of the site.")
    site_threads: int = Field(
        default=8, ge=1, le=1000, description="Requests that each of these processes answers concurrently."
    )
    prefect_host: str = Field(default="127.0.0.1", description="Host on which Prefect's server listens.")
    prefect_port: Port = Field(default=4200, description="Port of Prefect's server.")
    services: str = Field(
        default="prefect,setup,site,package,worker",
        description="Services that `make install` enables on this machine, with commas: the names of their units "
        "without `downman-`.",
    )
    package_workers: int = Field(
        default=2, ge=0, le=1000, description="Workers of the queue `package` on this machine; each is a service."
    )
    poll_seconds: float = Field(
        default=10,
        gt=0,
        le=3600,
        description="Seconds after which a worker polls for runs of which it was not notified.",
    )

    @model_validator(mode="after")
    def _has_no_contradiction(self) -> Self:
        reasons = []
        database, prefect = self.database_url.get_secret_value(), self.prefect_database_url.get_secret_value()
        if database and database == prefect:
            reasons.append(
                "DOWNMAN_DATABASE_URL and DOWNMAN_PREFECT_DATABASE_URL are the same; give Prefect its own database"
            )
        # Both must be set: a demo may give Prefect the port that is the default of an installation's site.
        are_set = {"site_bind", "prefect_port"} <= self.model_fields_set
        if are_set and self.site_bind.rpartition(":")[2] == str(self.prefect_port):
            reasons.append(
                f"DOWNMAN_SITE_BIND and DOWNMAN_PREFECT_PORT both use port {self.prefect_port}; change one of them"
            )
        if reasons:
            raise ValueError("\n".join(reasons))
        return self
