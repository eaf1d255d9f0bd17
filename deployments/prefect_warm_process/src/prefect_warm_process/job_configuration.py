"""What a pool, a deployment or a run may set for the runs of this worker type."""

from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.workers.process import ProcessJobConfiguration, ProcessVariables
from pydantic import Field, PrivateAttr

from prefect_warm_process.zygote_key import ZygoteKey

#: The variable of a pool's job template that holds the limits of each worker.
LIMIT_PER_WORKER = "limit_per_worker"


class WarmProcessJobConfiguration(ProcessJobConfiguration):
    """What one run is started with."""

    preload: list[str] = Field(default_factory=list)

    _is_for_prefect: bool = PrivateAttr(default=False)

    def prepare_for_flow_run(
        self, flow_run: FlowRun, deployment: DeploymentResponse | None = None, *args: Any, **options: Any
    ) -> None:
        """Fill in what depends on the run."""
        self._is_for_prefect = self.command is not None or _has_code_to_copy(deployment)
        super().prepare_for_flow_run(flow_run, deployment, *args, **options)

    @property
    def is_for_prefect(self) -> bool:
        """Return whether Prefect's own way is the only one: another command, packages to install, code to copy."""
        return self._is_for_prefect or bool(self.env.get("PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES"))

    def get_zygote_key(self, folder: str) -> ZygoteKey:
        """Return the key of the zygote from which the run is forked; without a folder of its own, in `folder`."""
        return ZygoteKey.of(self.env, folder=str(self.working_dir or folder), preload=tuple(self.preload))


class WarmProcessVariables(ProcessVariables):
    """The job variables."""

    preload: list[str] = Field(
        default_factory=list,
        title="Preload",
        description=(
            "Modules that are loaded before any run needs them, or functions to call, given as module:function. "
            "They must not start threads or open connections. Whatever is not named here is loaded by each run."
        ),
    )
    limit_per_worker: dict[str, int] = Field(
        default_factory=dict,
        title="Limit per worker",
        description=(
            "Of a work pool only: queue -> runs of it that one worker executes concurrently. Workers learn of a change"
            " within a minute. A queue that is not named has no such limit; its own counts for all workers together."
        ),
    )


def _has_code_to_copy(deployment: DeploymentResponse | None) -> bool:
    """Return whether a module must be copied to where the run is; the engine copies only what is named by its file."""
    if deployment is None or deployment.pull_steps or ":" in (deployment.entrypoint or ""):
        return False
    return deployment.storage_document_id is not None or Path(deployment.path or "").expanduser().is_absolute()
