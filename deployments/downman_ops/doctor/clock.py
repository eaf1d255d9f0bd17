"""Clocks that differ: leases, links and schedules are compared on several machines."""

from datetime import datetime, timedelta

from downman_ops.doctor.findings import Finding, humanize_duration, ok, warning, wrong

WARNING_AFTER = timedelta(seconds=5)
WRONG_AFTER = timedelta(seconds=30)
_HINT = "Keep the time of all machines by a time service (chrony, systemd-timesyncd); `timedatectl` shows its state."


def compare_clocks(whose: str, *, theirs: datetime, before: datetime, after: datetime) -> Finding:
    """Compare another clock with this machine's, which was read before and after it."""
    ahead = theirs - (before + (after - before) / 2)
    part = f"clock of {whose}"
    if abs(ahead) < WARNING_AFTER:
        return ok(part, f"within {WARNING_AFTER.seconds} s of this machine's")
    found = f"{humanize_duration(abs(ahead))} {'ahead of' if ahead > timedelta() else 'behind'} this machine's"
    return (warning if abs(ahead) < WRONG_AFTER else wrong)(part, found, _HINT)
