"""`manage.py downman doctor`: every part is looked at, side by side, and each finding comes with its remedy."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.core.validators import validate_email

from downman_ops.commands import ExitStatus, Report, Table
from downman_ops.doctor.database import look_at_database, tables_answer
from downman_ops.doctor.findings import Finding, State, looked_at, warning
from downman_ops.doctor.orders import look_at_mails, look_at_orders
from downman_ops.doctor.prefect import look_at_prefect
from downman_ops.doctor.site import look_at_settings
from downman_ops.doctor.storage import look_at_folders, look_at_room

_WORST_FIRST = list(State)


def examine(options: Mapping[str, Any]) -> Report:
    """Look at everything. The database is asked by this thread only; Prefect and the mail server by others."""
    address = options["mail"]
    if address is not None:
        try:
            validate_email(address)
        except ValidationError as exc:
            raise CommandError("--mail needs an e-mail address, such as you@example.org.") from exc
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="doctor") as threads:
        prefect = threads.submit(look_at_prefect, test_mail_to=address)
        found = _look_at_site()
        from_prefect, prefect_answers = prefect.result()
    found += from_prefect
    if not prefect_answers:
        remedy = "Run the doctor again when Prefect's server is back: the login lies there."
        found.append(warning("mail server", "not looked at", remedy))
    return Report(tables=[_table(found)], status=_status(found, prefect_answers=prefect_answers))


def _look_at_site() -> list[Finding]:
    found = looked_at("settings", look_at_settings)
    in_database = looked_at("database", look_at_database)
    database_answers = tables_answer(in_database)
    found += in_database
    if database_answers:
        found += looked_at("orders", look_at_orders)
        found += looked_at("mails", look_at_mails)
    found += looked_at("folders", look_at_folders)
    return found + looked_at("room", partial(look_at_room, database_answers=database_answers))


def _status(found: Sequence[Finding], *, prefect_answers: bool) -> ExitStatus:
    if not prefect_answers:
        return ExitStatus.PREFECT_AWAY
    return ExitStatus.WRONG if any(finding.state is State.WRONG for finding in found) else ExitStatus.OK


def _table(found: Sequence[Finding]) -> Table:
    ranked = sorted(found, key=lambda finding: _WORST_FIRST.index(finding.state))
    counts = Counter(finding.state for finding in found)
    return Table(
        name="findings",
        title=f"{counts[State.WRONG]} wrong, {counts[State.WARNING]} to look at, {counts[State.OK]} ok",
        columns={"part": "part", "state": "state", "found": "found", "remedy": "remedy"},
        rows=[(finding.part, finding.state, finding.found, finding.remedy) for finding in ranked],
    )
