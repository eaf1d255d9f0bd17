"""The mails of an order or of a generic request."""

from downman.admin.actions import ORDER_ACTIONS, among
from downman.admin.base import Rows
from downman.models import Notice


class NoticeInline(Rows):
    """The mails, and how they went."""

    model = Notice
    fields = ("kind", "recipient", "language", "status", "attempts", "due_at", "sent_at", "last_error")
    deeds = among("notices", ORDER_ACTIONS)


class WishNoticeInline(NoticeInline):
    """Those of a generic request."""

    fk_name = "generic_request"
