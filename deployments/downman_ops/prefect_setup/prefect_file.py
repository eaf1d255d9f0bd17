"""Reads `prefect.yaml`, which alone says what runs in Prefect under which name, on which queue, and when.

Rejected is what Prefect would take without a word and do nothing, or something else, with. Reading loads no Prefect.
"""

import importlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from downman.domain.jobs import TAG, Job, Queue
from downman_ops.data_files import data_file
from downman_ops.errors import ConfigurationError

if TYPE_CHECKING:
    from prefect import Flow

#: The file of this installation.
PREFECT_FILE = data_file("prefect.yaml")


class _Strict(BaseModel):
    # A key that is unknown here would be honoured by `prefect deploy` and ignored by us.
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScheduleSpec(_Strict):
    """When a deployment runs automatically: every so many seconds, or by a cron line."""

    slug: str
    interval: timedelta | None = None
    cron: str | None = None
    timezone: str | None = None
    active: bool = True

    @model_validator(mode="after")
    def _is_one_kind(self) -> "ScheduleSpec":
        if (self.interval is None) == (self.cron is None):
            raise ValueError("a schedule has either `interval` or `cron`")
        return self


class PoolSpec(_Strict):
    """Where a deployment's runs wait for a worker."""

    name: Literal["downman"]
    work_queue_name: Queue
    job_variables: dict[str, Any] = Field(default_factory=dict)


class DeploymentSpec(_Strict):
    """One deployment; the flow bears the same name."""

    name: Job
    description: str
    entrypoint: str
    tags: list[str]
    work_pool: PoolSpec
    parameters: dict[str, Any] = Field(default_factory=dict)
    schedules: list[ScheduleSpec] = Field(default_factory=list)

    @field_validator("tags")
    @classmethod
    def _is_ours(cls, tags: list[str]) -> list[str]:
        if TAG not in tags:
            raise ValueError(f"the tag {TAG!r} is missing: the deployment could not be taken away again")
        return tags

    def flow(self) -> "Flow[..., Any]":
        """Import the flow. An error in its module is raised as it is; Prefect's own loader would hide it."""
        from prefect import Flow  # noqa: PLC0415 - its seconds are for those who need the flow

        module, _, name = self.entrypoint.rpartition(".")
        found = getattr(importlib.import_module(module), name, None)
        if not isinstance(found, Flow):
            raise ConfigurationError(f"prefect.yaml: {self.entrypoint} is not a flow.")
        if found.name != self.name:
            raise ConfigurationError(
                f"prefect.yaml: the flow {self.entrypoint} is named {found.name!r}, not {self.name!r}."
            )
        return found


class PrefectFile(_Strict):
    """The whole file."""

    name: Literal["downman"]
    pull: list[Any] = Field(max_length=0)
    deployments: list[DeploymentSpec]


def read_prefect_file(file: Path = PREFECT_FILE) -> PrefectFile:
    """Read and check the file. Raises `ConfigurationError` with every fault that it has."""
    try:
        return PrefectFile.model_validate(yaml.safe_load(file.read_text()))
    except (OSError, yaml.YAMLError) as exc:
        raise ConfigurationError(f"{file} cannot be read: {exc}") from exc
    except ValidationError as exc:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in exc.errors())
        raise ConfigurationError(f"{file.name} is wrong: {faults}") from exc
