"""What is said to those who have reached a limit: how much it is, and what to do next."""

from django.utils.translation import gettext as _

from downman.domain.limits import LimitName
from downman.templatetags.downman_display import size_in_words, time_in_words


def describe_window(name: LimitName, limit: int, window: float, wait: float) -> str:
    """Say that as much was ordered as may be in a time."""
    texts = {
        LimitName.ORDERS_PER_NETWORK: _(
            "Your network has reached its limit of orders: {limit} in {window}. Try again in {wait}."
        ),
        LimitName.ORDERS_PER_PERSON: _(
            "You have reached your limit of orders: {limit} in {window}. Try again in {wait}."
        ),
    }
    return texts[name].format(limit=limit, window=time_in_words(window), wait=time_in_words(wait))


def describe_quota(name: LimitName, limit: int) -> str:
    """Say that somebody has as much as they may have."""
    texts = {
        LimitName.OPEN_ORDERS: _(
            "You have reached your limit of unfinished orders: {limit}. Wait until one is finished, or cancel one."
        ),
        LimitName.BYTES_UNDER_WAY: _(
            "Your unfinished orders would be larger together than your limit: {size}. Wait until one is finished, or "
            "cancel one."
        ),
        LimitName.BYTES_KEPT: _(
            "Your packages have reached your limit of disk space: {size}. Download them, then cancel those that you no "
            "longer need, or wait until one expires."
        ),
    }
    return texts[name].format(limit=limit, size=size_in_words(limit))
