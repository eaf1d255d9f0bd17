"""Everything that must work, looked at; each finding with its remedy."""

from collections.abc import Sequence

from django_integration.downloads.monitoring.commands import Command

COMMANDS: Sequence[Command] = ()
