"""Finding the order that somebody speaks of, for administrators and operators."""

import re

from downman.domain.numbering import parse_number
from downman.models import DownloadRequest

_PUBLIC_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
#: PostgreSQL's bigint.
_LARGEST_ID = 2**63 - 1


def find_order(text: str) -> DownloadRequest:
    """Return the order with this number, id or secret id, or whose page has this URL.

    Raises `DownloadRequest.DoesNotExist`, also for what is none of these. It asks for no permission: the answer is for
    those who may see all orders.
    """
    text = text.strip().removeprefix("#")
    if text.isascii() and text.isdecimal():
        if int(text) > _LARGEST_ID:
            raise DownloadRequest.DoesNotExist
        return DownloadRequest.objects.get(pk=int(text))
    if number := parse_number(text):
        return DownloadRequest.objects.get(number=number)
    if public_id := _PUBLIC_ID.search(text):
        return DownloadRequest.objects.get(public_id=public_id.group())
    raise DownloadRequest.DoesNotExist
