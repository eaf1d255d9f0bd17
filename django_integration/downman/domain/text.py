"""Text and dates from outside, cleaned where they enter: what can be stored, shown and written into a zip."""

import math
import re
from datetime import UTC, datetime, timedelta

#: Bytes that are no UTF-8, as Python reads them from file systems and headers (PEP 383).
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
#: What PostgreSQL and JSON cannot hold: half a character, and NUL.
_UNSTORABLE = re.compile("[\ud800-\udfff\0]")
#: No data is older; what claims to be is a clock that was never set.
_EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
#: Clocks differ by their time zones at most.
_AHEAD = timedelta(days=1)


def clean_text(text: str) -> str:
    """Return a text that can be stored: bytes that are no UTF-8 are read as ISO-8859-1, the rest is replaced."""
    text = _ESCAPED_BYTE.sub(lambda found: chr(ord(found[0]) - 0xDC00), text)
    return _UNSTORABLE.sub("\ufffd", text)


def decode_bytes(raw: bytes) -> str:
    """Read bytes as UTF-8, and those that are none as ISO-8859-1."""
    return clean_text(raw.decode("utf-8", "surrogateescape"))


def clean_date(moment: datetime | float | None, *, now: datetime | None = None) -> datetime | None:
    """Return a time in UTC; None for one that cannot be: before 1970-01-02, after tomorrow, or no time at all.

    Seconds since the epoch are taken as well; a time without a zone is in UTC.
    """
    try:
        if moment is None or (isinstance(moment, int | float) and not math.isfinite(moment)):
            return None
        if not isinstance(moment, datetime):
            moment = datetime.fromtimestamp(moment, tz=UTC)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        return None
    return moment if _EARLIEST <= moment <= (now or datetime.now(UTC)) + _AHEAD else None
