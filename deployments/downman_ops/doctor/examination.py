"""`downman doctor`: every part is checked, all at the same time, and each finding comes with a hint."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.core.management.base import CommandError

from downman.email_addresses import InvalidEmailAddress, normalize_email
from downman_ops.commands import ExitStatus, Report, Table
from downman_ops.doctor.database import check_database, tables_answer
from downman_ops.doctor.findings import Finding, State, run_check, warning
from downman_ops.doctor.orders import check_mails, check_orders
from downman_ops.doctor.prefect import check_prefect
from downman_ops.doctor.site import check_demo, check_exposure, check_settings
from downman_ops.doctor.storage import check_folders, check_room

_WORST_FIRST = list(State)


def examine(options: Mapping[str, Any]) -> Report:
    """Check everything. The database is asked by this thread only; Prefect and the mail server by others."""
    address = options["mail"]
    if address is not None:
        try:
            address = normalize_email(address, any_domain=True)
        except InvalidEmailAddress as exc:
            raise CommandError("--mail needs an e-mail address, such as you@example.org.") from exc
    threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="doctor")
    try:
        prefect = threads.submit(check_prefect, test_mail_to=address)
        found = _check_site()
        from_prefect, prefect_answers = prefect.result()
    finally:
        # Who interrupts it does not wait for servers that hang.
        threads.shutdown(wait=False)
    found += from_prefect
    if not prefect_answers:
        hint = "Run the doctor again when Prefect's server is back: the login lies there."
        found.append(warning("mail server", "not checked", hint))
    return Report(tables=[_table(found)], status=_status(found, prefect_answers=prefect_answers))


def _check_site() -> list[Finding]:
    found = run_check("demo", check_demo) + run_check("settings", check_settings) + run_check("site", check_exposure)
    in_database = run_check("database", check_database)
    database_answers = tables_answer(in_database)
    found += in_database
    if database_answers:
        found += run_check("orders", check_orders)
        found += run_check("mails", check_mails)
    found += run_check("folders", check_folders)
    return found + run_check("room", partial(check_room, database_answers=database_answers))


def _status(found: Sequence[Finding], *, prefect_answers: bool) -> ExitStatus:
    if not prefect_answers:
        return ExitStatus.PREFECT_AWAY
    return ExitStatus.WRONG if any(finding.state is State.WRONG for finding in found) else ExitStatus.OK


def _table(found: Sequence[Finding]) -> Table:
    ranked = sorted(found, key=lambda finding: _WORST_FIRST.index(finding.state))
    counts = Counter(finding.state for finding in found)
    warnings = f"{counts[State.WARNING]} warning{'s' if counts[State.WARNING] != 1 else ''}"
    return Table(
        name="findings",
        title=f"{counts[State.WRONG]} wrong, {warnings}, {counts[State.OK]} ok",
        columns={"part": "part", "state": "state", "found": "found", "hint": "hint"},
        rows=[(finding.part, finding.state, finding.found, finding.hint) for finding in ranked],
    )
