"""What Prefect holds, beside what the settings say: `downman bootstrap --show`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import WorkQueueFilter
from prefect.exceptions import ObjectNotFound
from prefect_email import EmailServerCredentials
from prefect_email.credentials import SMTPType

from downman.domain.jobs import Queue
from downman_ops.commands import ExitStatus, Report, Table
from downman_ops.prefect_setup.work_pool import get_variables, wanted_variables
from downman_ops.settings import PoolSettings

MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One thing that the settings decide."""

    #: The variable that decides it.
    variable: str
    what: str
    found: str
    wanted: str

    @property
    def differs(self) -> bool:
        """Return whether Prefect holds something else than the settings say."""
        return self.found != self.wanted


async def compare(client: PrefectClient, settings: PoolSettings) -> list[Setting]:
    """Return everything that the settings decide in Prefect, with what Prefect holds; changes nothing."""
    return [*await _pool(client, settings), *await _queues(client, settings), *await _mail(client, settings)]


async def _pool(client: PrefectClient, settings: PoolSettings) -> list[Setting]:
    try:
        pool = await client.read_work_pool(settings.pool)
    except ObjectNotFound:
        kind, found = MISSING, dict[str, Any]()
    else:
        kind, found = pool.type, get_variables(pool.base_job_template)
    wanted = wanted_variables(settings)
    limits, wanted_limits = found.get("limit_per_worker") or {}, settings.limit_per_worker()
    rows = [_row("worker_type", "type of the workers", kind, settings.worker_type)]
    if wanted:
        rows.append(_row("preload", "loaded before any run", _list(found.get("preload")), _list(settings.preload)))
        rows += [
            _row(
                f"{queue}_per_worker",
                f"runs of {queue} in one worker",
                str(limits.get(queue, "any")),
                str(wanted_limits.get(queue, "any")),
            )
            for queue in Queue
        ]
    return rows


async def _queues(client: PrefectClient, settings: PoolSettings) -> list[Setting]:
    try:
        # All arguments given: the client sends those left out as null, which the server refuses.
        queues = await client.read_work_queues(settings.pool, work_queue_filter=WorkQueueFilter(), limit=200, offset=0)
    except ObjectNotFound:
        queues = []
    found = {queue.name: queue for queue in queues}
    rows = []
    for name in Queue:
        queue = found.get(name)
        limit = MISSING if queue is None else str(queue.concurrency_limit or "any")
        priority = MISSING if queue is None else str(queue.priority)
        paused = MISSING if queue is None else "paused" if queue.is_paused else "open"
        rows += [
            _row(f"{name}_concurrency", f"concurrent runs of {name}", limit, str(settings.get_concurrency(name))),
            _row(f"{name}_priority", f"priority of {name}", priority, str(settings.get_priority(name))),
            Setting(variable="", what=f"queue {name}", found=paused, wanted="open"),
        ]
    return rows


async def _mail(client: PrefectClient, settings: PoolSettings) -> list[Setting]:
    try:
        # Not by the block's class, which tells the server of every reading.
        document = await client.read_block_document_by_name(
            settings.mail_block_name, EmailServerCredentials.get_block_type_slug(), include_secrets=True
        )
    except ObjectNotFound:
        return [_row("mail_block", "block of the mail server", MISSING, settings.mail_block_name)]
    block = document.data
    same_password = (block.get("password") or "") == settings.mail_password.get_secret_value()
    return [
        _row("mail_host", "mail server", block["smtp_server"], settings.mail_host),
        _row("mail_port", "port of the mail server", str(block["smtp_port"]), str(settings.mail_port)),
        _row("mail_type", "protection of the connection", SMTPType(block["smtp_type"]).name, settings.mail_type),
        _row("mail_user", "user at the mail server", block.get("username") or "none", settings.mail_user or "none"),
        # Neither is shown.
        _row("mail_password", "password at the mail server", "as set" if same_password else "different", "as set"),
    ]


def _row(field: str, what: str, found: str, wanted: str) -> Setting:
    prefix = str(PoolSettings.model_config.get("env_prefix"))
    return Setting(variable=f"{prefix}{field.upper()}", what=what, found=found, wanted=wanted)


def _list(values: Sequence[str] | None) -> str:
    return ", ".join(values or ()) or "nothing"


def to_report(settings: Sequence[Setting]) -> Report:
    """Return a table in which what differs is marked, and counted below."""
    different = sum(setting.differs for setting in settings)
    note = (
        f"{different} {'differs' if different == 1 else 'differ'} (*): `downman bootstrap` applies the settings."
        if different
        else "Prefect holds what the settings say."
    )
    table = Table(
        name="settings",
        title="What Prefect holds, beside the settings",
        columns={
            "differs": "differs",
            "what": "what",
            "found": "in Prefect",
            "wanted": "settings",
            "variable": "variable",
        },
        rows=[
            ("*" if setting.differs else " ", setting.what, setting.found, setting.wanted, setting.variable)
            for setting in settings
        ],
        note=note,
    )
    return Report(tables=[table], status=ExitStatus.WRONG if different else ExitStatus.OK)
