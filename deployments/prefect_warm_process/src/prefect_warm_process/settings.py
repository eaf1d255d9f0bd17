"""The environment variables of a warm-process worker."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class WarmProcessSettings(BaseSettings):
    """Read when a worker starts."""

    model_config = SettingsConfigDict(env_prefix="WARM_PROCESS_", extra="ignore", env_ignore_empty=True)

    stop_grace_seconds: float = Field(
        default=30,
        ge=0,
        description="Seconds that runs may continue after SIGTERM, before they are released.",
    )
    load_seconds: float = Field(
        default=120, gt=0, description="Seconds that preloading may take, before runs start without it."
    )
    heartbeat_seconds: float = Field(
        default=30, ge=0, description="Seconds between two heartbeats of a run that takes longer; 0: none."
    )
    max_idle_templates: int = Field(
        default=4,
        ge=1,
        json_schema_extra={"unit": "environments"},
        description="Environments that are kept loaded while no run uses them.",
    )
