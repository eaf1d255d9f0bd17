"""What Prefect is doing for us: active, scheduled, reserved, revoked, registered, stats."""

from collections.abc import Sequence

from django_integration.downloads.monitoring.commands import Command

COMMANDS: Sequence[Command] = ()
