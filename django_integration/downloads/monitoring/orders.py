"""Orders one by one, and what an administrator can do with them: requests, show, retry, cancel, resend, purge."""

from collections.abc import Sequence

from django_integration.downloads.monitoring.commands import Command

COMMANDS: Sequence[Command] = ()
