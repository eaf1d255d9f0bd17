"""The names on which the site, the flows and the deployments agree. `prefect.yaml` is tested against them."""

from enum import StrEnum

#: The Prefect work pool in which everything runs.
WORK_POOL = "downman"
#: The tag by which our deployments are known from those of others on the same server.
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
    """What Prefect does by itself."""

    SILENT_RUN = "downman: a silent run has crashed"  #: After `SILENCE_SECONDS` its place in the queue comes free.
    DEAD_RUN = "downman: the order of a run that died is taken up again"  #: At once instead of a minute later.


#: Prefect's types of state of a run that holds a slot of its queue.
ACTIVE_RUN_STATES = ("PENDING", "RUNNING", "CANCELLING")
#: Of those, the ones of a run that a worker executes.
EXECUTING_RUN_STATES = ("RUNNING", "CANCELLING")
#: Of a run that nobody executes yet.
WAITING_RUN_STATES = ("SCHEDULED", "PENDING")
#: Of a run that came to its end by itself.
ENDED_RUN_STATES = ("COMPLETED", "FAILED", "CRASHED")
