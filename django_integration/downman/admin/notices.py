"""The mails of an order or of a free-text request."""

from downman.admin.actions import ORDER_ACTIONS, filter_actions
from downman.admin.base import ReadOnlyInline
from downman.models import Notice


class NoticeInline(ReadOnlyInline):
    """The mails, and how they went."""

    model = Notice
    fields = ("kind", "recipient", "language", "status", "attempts", "due_at", "sent_at", "last_error")
    row_actions = filter_actions("notices", ORDER_ACTIONS)


class FreeTextNoticeInline(NoticeInline):
    """Those of a free-text request."""

    fk_name = "generic_request"
