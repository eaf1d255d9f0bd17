"""Settings of the work pool and of the demo, read from environment variables; each is declared once."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from downman.domain.jobs import Queue
from downman.domain.loopback import is_this_machine
from downman.environment import EnvironmentSettings
from downman.setting_types import DatabaseUrl, Port, Runs
from downman.settings import PoolChoice

PREFIX = "DOWNMAN_"
#: The protocols of the standard ports (RFC 6409, RFC 8314); any other port may use any protocol.
_PORT_TYPES = {465: {"SSL"}, 25: {"STARTTLS", "INSECURE"}, 587: {"STARTTLS", "INSECURE"}}


class PoolSettings(PoolChoice):
    """The work pool, its queues and the mail server, as the bootstrap sets them up in Prefect."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    worker_type: str = Field(default="warm-process", description="Prefect worker type of the work pool.")
    preload: tuple[str, ...] = Field(
        default=("downman_flows.preload:load",),
        description="What a warm worker loads before any run needs it: modules, or functions as `module:function`.",
    )
    package_concurrency: Runs = Field(default=4, ge=1, description="Orders that are packaged concurrently.")
    # Two: the slot of a run whose machine is gone becomes free after 90 s, and the others need not wait for it.
    notify_concurrency: Runs = Field(default=2, ge=1, description="Runs that send e-mails concurrently.")
    maintenance_concurrency: Runs = Field(default=2, ge=1, description="Maintenance runs that run concurrently.")
    package_per_worker: Runs = Field(
        default=0, ge=0, description="Orders that one worker packages concurrently; 0: only the queue's limit applies."
    )
    notify_per_worker: Runs = Field(
        default=0,
        ge=0,
        description="Runs of one worker that send e-mails concurrently; 0: only the queue's limit applies.",
    )
    maintenance_per_worker: Runs = Field(
        default=0, ge=0, description="Concurrent maintenance runs of one worker; 0: only the queue's limit applies."
    )
    notify_priority: int = Field(
        default=1, ge=1, le=1000, description="Priority of the queue `notify`; the lowest number is served first."
    )
    package_priority: int = Field(
        default=2, ge=1, le=1000, description="Priority of the queue `package`; the lowest number is served first."
    )
    maintenance_priority: int = Field(
        default=3, ge=1, le=1000, description="Priority of the queue `maintenance`; the lowest number is served first."
    )
    mail_host: str = Field(default="127.0.0.1", description="Host name of the mail server.")
    mail_port: Port = Field(default=25, description="Port of the mail server.")
    mail_user: str | None = Field(default=None, description="User name at the mail server, if it requires a login.")
    mail_password: SecretStr = Field(default=SecretStr(""), description="Password at the mail server.")
    mail_type: Literal["SSL", "STARTTLS", "INSECURE"] = Field(
        default="INSECURE", description="How the connection to the mail server is encrypted."
    )
    mail_block: str = Field(
        default="",
        description="Name of the Prefect block with the mail server and its login. If empty: that of the pool and "
        "`-mail`, so `downman-mail`.",
    )

    @model_validator(mode="after")
    def _has_no_contradiction(self) -> Self:
        if reasons := [*self._mail_contradictions(), *self._equal_priorities()]:
            raise ValueError("\n".join(reasons))
        return self

    def _mail_contradictions(self) -> Iterator[str]:
        password = self.mail_password.get_secret_value()
        if bool(self.mail_user) != bool(password):
            yield (
                "set both DOWNMAN_MAIL_USER and DOWNMAN_MAIL_PASSWORD, or neither (in a site's settings "
                "EMAIL_HOST_USER and EMAIL_HOST_PASSWORD)"
            )
        if self.mail_type not in _PORT_TYPES.get(self.mail_port, {self.mail_type}):
            yield (
                f"DOWNMAN_MAIL_TYPE={self.mail_type} does not fit DOWNMAN_MAIL_PORT={self.mail_port}: use SSL with "
                "465, STARTTLS with 587, INSECURE with 25, or a port of your own (in a site's settings EMAIL_USE_SSL, "
                "EMAIL_USE_TLS and EMAIL_PORT)"
            )
        if password and self.mail_type == "INSECURE" and not is_this_machine(self.mail_host):
            yield (
                "DOWNMAN_MAIL_PASSWORD would cross the network unencrypted; set DOWNMAN_MAIL_TYPE to STARTTLS (with "
                "port 587) or SSL (with port 465); in a site's settings, EMAIL_USE_TLS or EMAIL_USE_SSL to True"
            )

    def _equal_priorities(self) -> Iterator[str]:
        variables = defaultdict[int, list[str]](list)
        for queue in Queue:
            variables[self.get_priority(queue)].append(f"{PREFIX}{queue.upper()}_PRIORITY")
        for priority, names in variables.items():
            if len(names) > 1:
                yield f"{' and '.join(sorted(names))} are both {priority}; give each queue a priority of its own"

    @property
    def mail_block_name(self) -> str:
        """The name of the block with the mail server."""
        return self.mail_block or self.names.mail_block

    def get_concurrency(self, queue: Queue) -> int:
        """Return how many runs of a queue may run concurrently."""
        limits = {
            Queue.PACKAGE: self.package_concurrency,
            Queue.NOTIFY: self.notify_concurrency,
            Queue.MAINTENANCE: self.maintenance_concurrency,
        }
        return limits[queue]

    def limit_per_worker(self) -> dict[str, int]:
        """Return the concurrent runs that one worker may have of each queue that has such a limit."""
        limits = {
            Queue.PACKAGE: self.package_per_worker,
            Queue.NOTIFY: self.notify_per_worker,
            Queue.MAINTENANCE: self.maintenance_per_worker,
        }
        return {queue.value: limit for queue, limit in limits.items() if limit}

    def get_priority(self, queue: Queue) -> int:
        """Return the priority of a queue; the lowest number is served first."""
        priorities = {
            Queue.PACKAGE: self.package_priority,
            Queue.NOTIFY: self.notify_priority,
            Queue.MAINTENANCE: self.maintenance_priority,
        }
        return priorities[queue]


class DemoSettings(EnvironmentSettings):
    """Folder and ports of the demo; several demos with different values can run on one machine."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    home: Path = Field(default=Path(".local"), description="Folder of everything that the demo stores.")
    port: Port = Field(default=8000, description="Port of the site, on 127.0.0.1.")
    prefect_port: Port = Field(default=4200, description="Port of Prefect's server, on 127.0.0.1.")
    smtp_port: Port | None = Field(
        default=None,
        description="Port of the mail sink, on 127.0.0.1. If not set: the site's port plus 25, or any free port.",
    )
    database_url: DatabaseUrl = Field(
        default=SecretStr(""), description="URL of a PostgreSQL database for the site, instead of the embedded one."
    )
    prefect_database_url: DatabaseUrl = Field(
        default=SecretStr(""),
        description="URL of a PostgreSQL database for Prefect. If not set: the database `prefect` of the same server.",
    )
    ready_timeout_seconds: float = Field(
        default=180, gt=0, le=24 * 3600, description="Seconds after which a start that is not complete has failed."
    )
    limits: Literal["on", "off"] = Field(
        default="on",
        description="`off`: nobody is limited in how much they order, for loads. `DOWNLOADS_CART_LIMIT` still holds.",
    )
