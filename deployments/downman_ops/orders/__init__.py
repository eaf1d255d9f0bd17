"""The orders at the terminal: listed, shown, retried, cancelled, purged."""

from downman_ops.orders.command import COMMANDS

__all__ = ["COMMANDS"]
