"""All words after `manage.py downman`."""

from collections.abc import Mapping

from django_integration.downloads.monitoring import doctor, orders, work
from django_integration.downloads.monitoring.commands import Command

COMMANDS: Mapping[str, Command] = {
    command.name: command for command in (*work.COMMANDS, *orders.COMMANDS, *doctor.COMMANDS)
}
