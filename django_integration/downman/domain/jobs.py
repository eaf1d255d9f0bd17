"""The names on which the site, the flows and the deployments agree. `prefect.yaml` is tested against them."""

from dataclasses import dataclass
from enum import StrEnum

#: The Prefect work pool of a site that names none.
DEFAULT_POOL = "downman"
#: The tag by which our deployments are known from those of others on the same server; another pool's is longer.
TAG = "downman"
#: Seconds without any sign of life after which a run counts as dead. One comes every 30 s, from the warm worker or,
#: under other worker types, from the run itself (the fewest seconds that Prefect allows there); two may be late.
SILENCE_SECONDS = 90


class Queue(StrEnum):
    """A Prefect work queue of the pool."""

    PACKAGE = "package"  #: Fetches and zips orders.
    NOTIFY = "notify"  #: Sends mails.
    MAINTENANCE = "maintenance"  #: Cleans up and finds what stalled.


class Job(StrEnum):
    """A piece of work that a deployment runs; flow and deployment bear the same name."""

    PACKAGE_REQUEST = "package-request"  #: Fetches, proves and delivers what is due of one request (`request_id`).
    SEND_NOTICES = "send-notices"  #: Sends every mail that is due.
    CLEAN_EXPIRED = "clean-expired"  #: Warns before links end, ends them, deletes packages and orders past their time.
    SWEEP_ORPHANS = "sweep-orphans"  #: Deletes old files in the package and staging folders that nobody owns.
    RECOVER_STALLED = "recover-stalled"  #: Starts again what was never started, was lost by a worker, or is due.


class AutomationName(StrEnum):
    """What Prefect does by itself; each bears the name of its pool before its own."""

    SILENT_RUN = "a silent run has crashed"  #: After `SILENCE_SECONDS` its place in the queue comes free.
    DEAD_RUN = "the order of a run that died is taken up again"  #: At once instead of a minute later.


@dataclass(frozen=True)
class PrefectNames:
    """The names of one site's objects in Prefect: sites that share a server have a work pool each.

    In the default pool deployments, runs and artifacts bear their plain names, in others that of the pool before them.
    """

    pool: str = DEFAULT_POOL

    @property
    def tag(self) -> str:
        """The tag of the site's deployments and runs."""
        return TAG if self.pool == DEFAULT_POOL else f"{TAG}-{self.pool}"

    @property
    def mail_block(self) -> str:
        """The block with the mail server, unless a setting names another one."""
        return f"{self.pool}-mail"

    def to_deployment(self, job: Job) -> str:
        """Return the name of a job's deployment; its flow bears the job's own."""
        return self.prefixed(job.value)

    def to_job(self, deployment: str) -> str:
        """Return the name of the job that a deployment of this site runs."""
        return deployment.removeprefix(self.prefixed(""))

    def to_automation(self, name: AutomationName) -> str:
        """Return the name of an automation."""
        return f"{self.pool}: {name}"

    def to_run_key(self, job: Job, *parts: object) -> str:
        """Return the idempotency key and name of a run: Prefect knows keys by the flow, which sites share."""
        return self.prefixed("-".join(map(str, (job, *parts))))

    def prefixed(self, name: str) -> str:
        """Return a name that no other site has."""
        return name if self.pool == DEFAULT_POOL else f"{self.pool}-{name}"


#: Prefect's types of state of a run that holds a slot of its queue.
ACTIVE_RUN_STATES = ("PENDING", "RUNNING", "CANCELLING")
#: Of those, the ones of a run that a worker executes.
EXECUTING_RUN_STATES = ("RUNNING", "CANCELLING")
#: Of a run that nobody executes yet.
WAITING_RUN_STATES = ("SCHEDULED", "PENDING")
#: Of a run that came to its end by itself.
ENDED_RUN_STATES = ("COMPLETED", "FAILED", "CRASHED")
