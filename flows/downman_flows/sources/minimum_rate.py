"""Tells a slow source from one that only keeps the connection open."""

from downman.domain.errors import TransferInterrupted
from downman_flows.sources.fetch_limits import FetchLimits


class MinimumRate:
    """Looks at what arrived since the last look, over spans of `FetchLimits.speed_seconds`."""

    def __init__(self, limits: FetchLimits, *, now: float) -> None:
        """Begin at `now`, a time of `time.monotonic()`."""
        self._limits = limits
        self._since = now
        self._bytes = 0

    def check(self, bytes_done: int, *, now: float) -> None:
        """Raise `TransferInterrupted` when a whole span brought less than the least; a later attempt resumes there."""
        if bytes_done < self._bytes:
            # Begun anew.
            self._since, self._bytes = now, bytes_done
        span = now - self._since
        if span < self._limits.speed_seconds:
            return
        if bytes_done - self._bytes < self._limits.least_bytes_per_second * span:
            raise TransferInterrupted(reason="it sends too slowly", received=bytes_done, expected="?")
        self._since, self._bytes = now, bytes_done
