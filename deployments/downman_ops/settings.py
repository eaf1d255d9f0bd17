"""What a deployment can be told by environment variables, each declared once with its default and its unit."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from downman.domain.jobs import Queue

PREFIX = "DOWNMAN_"
#: What is spoken at the ports that have a meaning (RFC 6409, RFC 8314); any other port may speak anything.
_TYPES_OF_PORTS = {465: {"SSL"}, 25: {"STARTTLS", "INSECURE"}, 587: {"STARTTLS", "INSECURE"}}


class PoolSettings(BaseSettings):
    """The work pool, its queues and the mail server, as the bootstrap sets them up in Prefect."""

    # What is refused is not repeated: it may be the password.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    worker_type: str = Field(default="warm-process", description="Prefect worker type of the work pool.")
    preload: list[str] = Field(
        default=["downman_flows.preload:load"],
        description="What a warm worker loads before any run needs it: modules, or functions as `module:function`.",
    )
    package_concurrency: int = Field(default=4, ge=1, description="Orders that are packaged side by side.")
    # Two: the place of a run whose machine is gone comes free after 90 s, and the others need not wait for it.
    notify_concurrency: int = Field(default=2, ge=1, description="Runs that send mails side by side.")
    maintenance_concurrency: int = Field(default=2, ge=1, description="Maintenance runs side by side.")
    package_per_worker: int = Field(
        default=0, ge=0, description="Orders that one worker packages side by side; 0: as many as the queue may."
    )
    notify_per_worker: int = Field(
        default=0, ge=0, description="Runs that send mails in one worker side by side; 0: as many as the queue may."
    )
    maintenance_per_worker: int = Field(
        default=0, ge=0, description="Maintenance runs in one worker side by side; 0: as many as the queue may."
    )
    notify_priority: int = Field(default=1, ge=1, description="Rank of the queue `notify`; 1 is served first.")
    package_priority: int = Field(default=2, ge=1, description="Rank of the queue `package`; 1 is served first.")
    maintenance_priority: int = Field(
        default=3, ge=1, description="Rank of the queue `maintenance`; 1 is served first."
    )
    mail_host: str = Field(default="127.0.0.1", description="Host name of the mail server.")
    mail_port: int = Field(default=25, ge=1, le=65535, description="Port of the mail server.")
    mail_user: str | None = Field(default=None, description="User name at the mail server, where it wants one.")
    mail_password: SecretStr = Field(default=SecretStr(""), description="Password at the mail server.")
    mail_type: Literal["SSL", "STARTTLS", "INSECURE"] = Field(
        default="INSECURE", description="How the connection to the mail server is protected."
    )
    mail_block: str = Field(default="downman-mail", description="Name of the Prefect block that holds the mail server.")

    @model_validator(mode="after")
    def _mail_settings_agree(self) -> Self:
        if bool(self.mail_user) != bool(self.mail_password.get_secret_value()):
            raise ValueError("set both DOWNMAN_MAIL_USER and DOWNMAN_MAIL_PASSWORD, or neither")
        fitting = _TYPES_OF_PORTS.get(self.mail_port, {self.mail_type})
        if self.mail_type not in fitting:
            raise ValueError(
                f"DOWNMAN_MAIL_TYPE={self.mail_type} does not go with DOWNMAN_MAIL_PORT={self.mail_port}: "
                "use SSL with 465, STARTTLS with 587, INSECURE with 25, or a port of your own"
            )
        return self

    def get_concurrency(self, queue: Queue) -> int:
        """Return how many runs of a queue may be under way at once."""
        limits = {
            Queue.PACKAGE: self.package_concurrency,
            Queue.NOTIFY: self.notify_concurrency,
            Queue.MAINTENANCE: self.maintenance_concurrency,
        }
        return limits[queue]

    def limit_per_worker(self) -> dict[str, int]:
        """Give, for the queues that have one, how many runs of it one worker may have under way at once."""
        limits = {
            Queue.PACKAGE: self.package_per_worker,
            Queue.NOTIFY: self.notify_per_worker,
            Queue.MAINTENANCE: self.maintenance_per_worker,
        }
        return {queue.value: limit for queue, limit in limits.items() if limit}

    def get_priority(self, queue: Queue) -> int:
        """Return the rank of a queue; 1 is served first."""
        ranks = {
            Queue.PACKAGE: self.package_priority,
            Queue.NOTIFY: self.notify_priority,
            Queue.MAINTENANCE: self.maintenance_priority,
        }
        return ranks[queue]


class PrefectConnection(BaseSettings):
    """Which Prefect server everybody asks; Prefect's own programs read these two as well."""

    model_config = SettingsConfigDict(
        env_prefix="PREFECT_", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    api_url: str = Field(default="http://127.0.0.1:4200/api", description="The address of Prefect's API.")
    api_auth_string: SecretStr = Field(
        default=SecretStr(""), description="User and password of Prefect's API, with a colon between them."
    )


class DemoSettings(BaseSettings):
    """Where the demo lives and on which ports; two demos with other values run side by side."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    home: Path = Field(default=Path(".local"), description="Folder of everything that the demo keeps.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port of the site, on 127.0.0.1.")
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="Port of Prefect's server, on 127.0.0.1.")
    smtp_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port of the mail sink, on 127.0.0.1; otherwise that of the site plus 25, or any that is free.",
    )
    database_url: SecretStr = Field(
        default=SecretStr(""), description="A PostgreSQL database for the site instead of the embedded one."
    )
    prefect_database_url: SecretStr = Field(
        default=SecretStr(""), description="One for Prefect; otherwise the database `prefect` of the same server."
    )
    ready_timeout_seconds: float = Field(default=180, gt=0, description="Seconds until a start counts as failed.")
