"""All words after `manage.py downman`."""

from collections.abc import Mapping

from downman_ops import doctor, inspect, orders
from downman_ops.commands import Command

COMMANDS: Mapping[str, Command] = {
    command.name: command for command in (*inspect.COMMANDS, *orders.COMMANDS, *doctor.COMMANDS)
}
