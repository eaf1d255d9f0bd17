"""Everything that must work, looked at; each finding with its remedy."""

from django_integration.downloads.monitoring.doctor.command import COMMANDS

__all__ = ["COMMANDS"]
