"""What is said to those who have reached a limit: how much it is, and what to do next."""

import math

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from downman.domain.limits import LimitName
from downman.templatetags.downman_display import size_in_words

_MINUTE, _HOUR = 60, 3600
#: From here on a time is said in the larger unit.
_SEVERAL = 2


def in_words(seconds: float) -> str:
    """Return a time, rounded up so that nobody comes back too early: "40 seconds", "7 minutes"."""
    if seconds < _SEVERAL * _MINUTE:
        count = max(1, math.ceil(seconds))
        return ngettext("{count} second", "{count} seconds", count).format(count=count)
    if seconds < _SEVERAL * _HOUR:
        count = math.ceil(seconds / _MINUTE)
        return ngettext("{count} minute", "{count} minutes", count).format(count=count)
    count = math.ceil(seconds / _HOUR)
    return ngettext("{count} hour", "{count} hours", count).format(count=count)


def describe_window(name: LimitName, limit: int, window: float, wait: float) -> str:
    """Say that as much was ordered as may be in a time."""
    texts = {
        LimitName.ORDERS_PER_NETWORK: _(
            "From your network, {limit} orders were placed in the last {window}; no more are taken. "
            "Try again in {wait}."
        ),
        LimitName.ORDERS_PER_PERSON: _(
            "With this e-mail address or by this user, {limit} orders were placed in the last {window}; no more are "
            "taken. Try again in {wait}."
        ),
    }
    return texts[name].format(limit=limit, window=in_words(window), wait=in_words(wait))


def describe_quota(name: LimitName, limit: int) -> str:
    """Say that somebody has as much as they may have."""
    texts = {
        LimitName.OPEN_ORDERS: _(
            "{limit} of your orders are not finished yet; no more are taken. Wait until one is, or cancel one."
        ),
        LimitName.BYTES_UNDER_WAY: _(
            "Your orders that are not finished yet would be larger than {size} together. Wait until one is finished, "
            "or cancel one."
        ),
        LimitName.BYTES_KEPT: _(
            "Your packages take {size} or more of the disk. Download them, then cancel those that you no longer need, "
            "or wait until one expires."
        ),
    }
    return texts[name].format(limit=limit, size=size_in_words(limit))
