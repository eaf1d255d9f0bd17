"""What warm workers report of themselves every 30 s (`prefect_warm_process.worker_stats`)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from downman.prefect_api import PrefectApi

EVENT = "warm-process.worker.stats"
#: Two of them may be late.
WITHIN = timedelta(seconds=90)
MOST = 50


def get_newest_worker_stats(api: PrefectApi, now: datetime) -> dict[str, Mapping[str, Any]]:
    """Return worker -> its newest report. Raises `PrefectUnavailable`."""
    reports = {"event": {"name": [EVENT]}, "occurred": {"since": (now - WITHIN).isoformat()}, "order": "DESC"}
    events = api.ask("POST", "events/filter", {"filter": reports, "limit": MOST})["events"]
    # The newest comes first, and is to stay.
    return {event["resource"]["prefect.resource.name"]: event["payload"] for event in reversed(events)}
