"""What the services of an installation can be told by environment variables: sizes, addresses, and their secrets."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from downman_site.environment import PREFIX, SiteEnvironment


class ServiceSettings(SiteEnvironment):
    """Read by `downman service`, beside those of the site."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", hide_input_in_errors=True)

    prefect_database_url: SecretStr = Field(
        default=SecretStr(""), description="The PostgreSQL database of Prefect's server."
    )
    site_bind: str = Field(
        default="127.0.0.1:8000", description="Where the site listens: an address with a port, or `unix:/path`."
    )
    site_processes: int = Field(default=2, ge=1, description="Processes of the site.")
    site_threads: int = Field(default=8, ge=1, description="Requests that one of them answers side by side.")
    prefect_host: str = Field(default="127.0.0.1", description="Address on which Prefect's server listens.")
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="Port of Prefect's server.")
    services: str = Field(
        default="prefect,setup,site,package,worker",
        description="What `make install` has this machine run, with commas: the names of the units behind `downman-`.",
    )
    package_workers: int = Field(
        default=2, ge=0, description="Workers of the queue `package` on this machine, each a service of its own."
    )
    poll_seconds: float = Field(
        default=10,
        gt=0,
        description="Seconds after which a worker asks for work of which nobody told it.",
    )
