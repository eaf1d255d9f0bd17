"""All commands that report on an installation or act on its orders, by their names.

What a command does is imported when it runs: the list itself needs neither Django set up nor Prefect.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from downman_ops import arguments
from downman_ops.commands import Command, Report


def _lazy(module: str, name: str) -> Callable[[Mapping[str, Any]], Report]:
    """Return a function that imports another one when it is called, and calls that."""

    def run(options: Mapping[str, Any]) -> Report:
        function = getattr(importlib.import_module(f"downman_ops.{module}"), name)
        return cast("Report", function(options))

    return run


#: Commands that change nothing.
LOOK: Sequence[Command] = (
    Command(
        name="active",
        help="Shows what is running.",
        run=_lazy("inspect.activity", "active"),
        add_arguments=arguments.add_for_runs,
    ),
    Command(
        name="scheduled",
        help="Shows what is to come: runs that wait, and what is tried again, when and why.",
        run=_lazy("inspect.activity", "scheduled"),
        add_arguments=arguments.add_for_runs,
    ),
    Command(
        name="reserved",
        help="Shows what a worker has taken and not started.",
        run=_lazy("inspect.activity", "reserved"),
        add_arguments=arguments.add_for_runs,
    ),
    Command(
        name="revoked",
        help="Shows what was cancelled, crashed or failed, the newest first.",
        run=_lazy("inspect.activity", "revoked"),
        add_arguments=arguments.add_for_runs,
    ),
    Command(
        name="registered",
        help="Shows jobs with their queues and schedules, the queues, and the work pool.",
        run=_lazy("inspect.registered", "registered"),
    ),
    Command(
        name="stats",
        help="Shows what workers and queues do, and how fast.",
        run=_lazy("inspect.workers", "stats"),
    ),
    Command(
        name="orders",
        help="Lists orders, the newest first.",
        run=_lazy("orders.listing", "orders"),
        add_arguments=arguments.add_for_orders,
    ),
    Command(
        name="show",
        help="Shows all of one order: its parts, links, e-mails, history and runs.",
        run=_lazy("orders.details", "show"),
        add_arguments=arguments.add_order,
    ),
    Command(
        name="doctor",
        help="Checks every part, and says what to do about what it finds.",
        description="Exit status: 0 nothing is wrong (warnings do not count), 1 something is wrong, 3 Prefect's server "
        "does not answer (all else is still checked).",
        run=_lazy("doctor.examination", "examine"),
        add_arguments=arguments.add_for_doctor,
        # It logs in to the mail server, and may send an e-mail.
        repeatable=False,
    ),
)
#: Commands that change something.
ACT: Sequence[Command] = (
    Command(
        name="retry",
        help="Tries now what of an order waits for a later run.",
        run=_lazy("orders.actions", "retry"),
        add_arguments=arguments.add_for_retry,
        repeatable=False,
    ),
    Command(
        name="cancel",
        help="Cancels an order, one of its parts, or one of its links; asks before.",
        run=_lazy("orders.actions", "cancel"),
        add_arguments=arguments.add_for_cancel,
        repeatable=False,
    ),
    Command(
        name="resend",
        help="Sends the e-mails of an order now that could not be sent, or others once more.",
        run=_lazy("orders.actions", "resend"),
        add_arguments=arguments.add_for_resend,
        repeatable=False,
    ),
    Command(
        name="purge",
        help="Empties queues: cancels what waits, notifies the requesters, and leaves what is running; asks before.",
        run=_lazy("orders.purge", "purge"),
        add_arguments=arguments.add_for_purge,
        repeatable=False,
    ),
)
COMMANDS: Mapping[str, Command] = {command.name: command for command in (*LOOK, *ACT)}
