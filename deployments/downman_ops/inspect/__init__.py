"""What workers and queues are doing, at the terminal."""

from downman_ops.inspect.command import COMMANDS

__all__ = ["COMMANDS"]
