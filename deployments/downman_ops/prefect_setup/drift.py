"""What is in force in Prefect, beside what the settings say: `python -m downman_ops.prefect_setup.bootstrap --show`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import WorkQueueFilter
from prefect.exceptions import ObjectNotFound
from prefect_email import EmailServerCredentials
from prefect_email.credentials import SMTPType

from downman.domain.jobs import WORK_POOL, Queue
from downman_ops.prefect_setup.work_pool import get_variables, wanted_variables
from downman_ops.settings import PoolSettings

MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One thing that the settings decide."""

    #: The variable that decides it.
    variable: str
    what: str
    in_force: str
    wanted: str

    @property
    def differs(self) -> bool:
        """Return whether Prefect holds something else than the settings say."""
        return self.in_force != self.wanted


async def compare(client: PrefectClient, settings: PoolSettings) -> list[Setting]:
    """Return everything that the settings decide in Prefect, with what is in force; changes nothing."""
    return [*await _pool(client, settings), *await _queues(client, settings), *await _mail(client, settings)]


async def _pool(client: PrefectClient, settings: PoolSettings) -> list[Setting]:
    try:
        pool = await client.read_work_pool(WORK_POOL)
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
        queues = await client.read_work_queues(WORK_POOL, work_queue_filter=WorkQueueFilter(), limit=200, offset=0)
    except ObjectNotFound:
        queues = []
    found = {queue.name: queue for queue in queues}
    rows = []
    for name in Queue:
        queue = found.get(name)
        limit = MISSING if queue is None else str(queue.concurrency_limit or "any")
        rank = MISSING if queue is None else str(queue.priority)
        paused = MISSING if queue is None else "paused" if queue.is_paused else "open"
        rows += [
            _row(f"{name}_concurrency", f"runs of {name} at once", limit, str(settings.get_concurrency(name))),
            _row(f"{name}_priority", f"rank of {name}", rank, str(settings.get_priority(name))),
            Setting(variable="", what=f"queue {name}", in_force=paused, wanted="open"),
        ]
    return rows


async def _mail(client: PrefectClient, settings: PoolSettings) -> list[Setting]:
    try:
        # Not by the block's class, which tells the server of every reading.
        document = await client.read_block_document_by_name(
            settings.mail_block, EmailServerCredentials.get_block_type_slug(), include_secrets=True
        )
    except ObjectNotFound:
        return [_row("mail_block", "block of the mail server", MISSING, settings.mail_block)]
    block = document.data
    same_password = (block.get("password") or "") == settings.mail_password.get_secret_value()
    return [
        _row("mail_host", "mail server", block["smtp_server"], settings.mail_host),
        _row("mail_port", "its port", str(block["smtp_port"]), str(settings.mail_port)),
        _row("mail_type", "protected by", SMTPType(block["smtp_type"]).name, settings.mail_type),
        _row("mail_user", "user at it", block.get("username") or "none", settings.mail_user or "none"),
        # Neither is shown.
        _row("mail_password", "password at it", "as set" if same_password else "another one", "as set"),
    ]


def _row(field: str, what: str, in_force: str, wanted: str) -> Setting:
    prefix = str(PoolSettings.model_config.get("env_prefix"))
    return Setting(variable=f"{prefix}{field.upper()}", what=what, in_force=in_force, wanted=wanted)


def _list(values: Sequence[str] | None) -> str:
    return ", ".join(values or ()) or "nothing"


def as_text(settings: Sequence[Setting]) -> str:
    """Write a table for people; what differs is marked and counted."""
    columns: Mapping[str, Sequence[str]] = {
        "": ["*" if setting.differs else "" for setting in settings],
        "what": [setting.what for setting in settings],
        "in force": [setting.in_force for setting in settings],
        "settings": [setting.wanted for setting in settings],
        "variable": [setting.variable for setting in settings],
    }
    cells = [[heading, *values] for heading, values in columns.items()]
    widths = [max(map(len, column)) for column in cells]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*cells, strict=True)
    ]
    different = sum(setting.differs for setting in settings)
    closing = (
        f"{different} differ (*): `python -m downman_ops.prefect_setup.bootstrap` brings them to what the settings say."
        if different
        else "Everything in force is what the settings say."
    )
    return "\n".join([*lines, closing])
