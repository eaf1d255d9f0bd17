"""Everything that must work, looked at; each finding with its remedy."""

from downman_ops.doctor.command import COMMANDS

__all__ = ["COMMANDS"]
