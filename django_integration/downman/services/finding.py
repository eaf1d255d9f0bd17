"""Finding the order that somebody speaks of, for administrators and operators."""

import re

from downman.domain.numbering import GROUP_LENGTH, parse_number
from downman.models import DownloadRequest

_PUBLIC_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
#: The URL of its page in the admin, and a number anywhere in another one, as in a search of the admin.
_IN_ADMIN = re.compile(rf"/{DownloadRequest._meta.app_label}/{DownloadRequest._meta.model_name}/(\d+)/")  # noqa: SLF001
_NUMBER_IN_URL = re.compile(rf"(?<=[/=])\w{{{GROUP_LENGTH}}}-\w{{{GROUP_LENGTH}}}(?![\w-])")
#: PostgreSQL's bigint.
_LARGEST_ID = 2**63 - 1


def find_order(text: str) -> DownloadRequest:
    """Return the order with this number, id or secret id, or with one of them in this URL.

    Raises `DownloadRequest.DoesNotExist`, also for what is none of these. It asks for no permission: the answer is for
    those who may see all orders.
    """
    text = text.strip().removeprefix("#")
    if text.isascii() and text.isdecimal():
        if len(text) > len(str(_LARGEST_ID)) or int(text) > _LARGEST_ID:
            raise DownloadRequest.DoesNotExist
        return DownloadRequest.objects.get(pk=int(text))
    if number := parse_number(text):
        return DownloadRequest.objects.get(number=number)
    if public_id := _PUBLIC_ID.search(text):
        return DownloadRequest.objects.get(public_id=public_id.group())
    if in_admin := _IN_ADMIN.search(text):
        return find_order(in_admin[1])
    if number := next(filter(None, map(parse_number, _NUMBER_IN_URL.findall(text))), ""):
        return DownloadRequest.objects.get(number=number)
    raise DownloadRequest.DoesNotExist
