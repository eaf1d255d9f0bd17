"""Orders: what happened can be looked at; what waits is decided on."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from downman.admin.actions import ORDER_ACTIONS, filter_actions
from downman.admin.base import ActionAdmin, ReadOnlyInline
from downman.admin.notices import NoticeInline
from downman.domain.errors import IllegalTransition
from downman.domain.numbering import parse_number
from downman.domain.status import ENDED_REQUESTS, LocatorStatus
from downman.models import DownloadLink, DownloadRequest, RequestEvent, ResourceLocator
from downman.services import cancelling
from downman.services.tracking import get_error_text
from downman.services.transitions import administrator

#: Orders that can be paged through.
NEWEST = 10_000
#: What is seldom looked at, and stands folded.
TECHNICAL_DETAILS = ("attempt", "due_at", "run_id", "lease_owner", "lease_until", "reserved_bytes", "raw_order")


class LocatorInline(ReadOnlyInline):
    """The resources of an order."""

    model = ResourceLocator
    fields = (
        "position",
        "resource",
        "format",
        "status",
        "approval",
        "attempts",
        "retry_at",
        "problem",
        "unproven",
        "decision_note",
        "link",
    )
    row_actions = filter_actions("locators", ORDER_ACTIONS)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ResourceLocator]:
        """Take along what is named beside them."""
        return super().get_queryset(request).select_related("resource", "link", "request")

    @admin.display(description=_("problem"))
    def problem(self, locator: ResourceLocator) -> str:
        """Say what went wrong."""
        return get_error_text(locator) or "-"


class LinkInline(ReadOnlyInline):
    """The links of an order, without what opens them."""

    model = DownloadLink
    fields = ("name", "delivery", "status", "size", "expires_at", "deleted_at", "download_count", "last_download_at")
    row_actions = filter_actions("links", ORDER_ACTIONS)


class EventInline(ReadOnlyInline):
    """What happened to an order."""

    model = RequestEvent
    fields = ("at", "locator", "from_status", "to_status", "reason", "actor")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[RequestEvent]:
        """Take the parts along."""
        return super().get_queryset(request).select_related("locator__request")


class Stage(admin.SimpleListFilter):
    """What an administrator looks for first: what waits for them, what is alive, what is over."""

    title = _("stage")
    parameter_name = "stage"

    def lookups(self, *_arguments: Any) -> list[tuple[str, Any]]:
        """Name the stages."""
        return [
            ("decision", _("Waits for a decision")),
            ("active", _("Active")),
            ("archived", _("Archived")),
        ]

    def queryset(
        self, _request: HttpRequest, queryset: models.QuerySet[DownloadRequest]
    ) -> models.QuerySet[DownloadRequest]:
        """Keep the orders of the chosen stage."""
        undecided = ResourceLocator.objects.filter(
            request=models.OuterRef("pk"), status=LocatorStatus.AWAITING_APPROVAL
        )
        kept = {
            "decision": models.Q(models.Exists(undecided)),
            "active": ~models.Q(status__in=ENDED_REQUESTS),
            "archived": models.Q(status__in=ENDED_REQUESTS),
        }
        return queryset.filter(kept[value]) if (value := self.value()) in kept else queryset


class Language(admin.SimpleListFilter):
    """The languages of the site; Django's own filter would read every order for those that occur."""

    title = _("language")
    parameter_name = "language"

    def lookups(self, *_arguments: Any) -> list[tuple[str, Any]]:
        """Name the languages."""
        return list(settings.LANGUAGES)

    def queryset(
        self, _request: HttpRequest, queryset: models.QuerySet[DownloadRequest]
    ) -> models.QuerySet[DownloadRequest]:
        """Keep the orders in the chosen language."""
        return queryset.filter(language=self.value()) if self.value() in dict(settings.LANGUAGES) else queryset


class NewestOnly(Paginator):  # type: ignore[type-arg]
    """Pages of the newest orders; older ones are found by searching and filtering, without counting them all."""

    @cached_property
    def count(self) -> int:
        """Count no further than the last page."""
        found: models.QuerySet[DownloadRequest] = self.object_list  # type: ignore[assignment]
        return found[:NEWEST].count()


@admin.register(DownloadRequest)
class RequestAdmin(ActionAdmin):
    """Orders; what opens an order is the requester's and shown to nobody here: a mail can be sent again."""

    list_display = ("number", "email", "status", "parts", "language", "created_at", "due_at", "lease_until")
    list_filter = (Stage, "status", Language, "created_at")
    search_fields = ("=id", "=number", "=public_id", "email")
    paginator = NewestOnly
    ordering = ("-id",)
    actions = ("cancel",)
    row_actions = ORDER_ACTIONS
    fields = (
        "number",
        "email",
        "address_verified",
        "user",
        "language",
        "status",
        "created_at",
        "updated_at",
        "cancelled_at",
        *TECHNICAL_DETAILS,
    )
    inlines = (LocatorInline, LinkInline, NoticeInline, EventInline)

    def get_fieldsets(self, request: HttpRequest, obj: DownloadRequest | None = None) -> list[tuple[Any, Any]]:  # noqa: ARG002 - Django's
        """Leave room for what is decided on; what the requester sent is for those who decide."""
        first = [name for name in self.fields if name not in TECHNICAL_DETAILS]
        technical = [name for name in TECHNICAL_DETAILS if name != "raw_order" or not self.is_viewer(request)]
        return [
            (None, {"fields": first}),
            (_("Technical details"), {"fields": technical, "classes": ["collapse"]}),
        ]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[DownloadRequest]:
        """Count the parts in the same query, for those that are shown only."""
        orders: models.QuerySet[DownloadRequest] = super().get_queryset(request)
        parts = ResourceLocator.objects.filter(request=models.OuterRef("pk")).order_by().values("request")
        return orders.annotate(part_count=models.Subquery(parts.annotate(count=models.Count("pk")).values("count")))

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[DownloadRequest], search_term: str
    ) -> tuple[models.QuerySet[DownloadRequest], bool]:
        """Find a number however it was typed."""
        return super().get_search_results(request, queryset, parse_number(search_term) or search_term)

    @admin.display(description=_("resources"), ordering="part_count")
    def parts(self, request: DownloadRequest) -> int:
        """Say how many resources were ordered."""
        count: int = request.part_count  # type: ignore[attr-defined]
        return count

    @admin.action(description=_("Cancel"), permissions=["change"])
    def cancel(self, request: HttpRequest, orders: models.QuerySet[DownloadRequest]) -> HttpResponseBase | None:
        """Cancel these, after a question."""
        chosen = list(orders.values_list("pk", flat=True))
        if "yes" not in request.POST:
            question = ngettext(
                "Cancel {count} order? Running work stops, and its links end. This cannot be undone.",
                "Cancel {count} orders? Running work stops, and their links end. This cannot be undone.",
                len(chosen),
            )
            hidden = [("action", "cancel"), ("yes", "yes"), *((ACTION_CHECKBOX_NAME, pk) for pk in chosen)]
            return self.ask(
                request, question=question.format(count=len(chosen)), button=gettext("Cancel them"), hidden=hidden
            )
        cancelled = sum(_cancelled(chosen, actor=administrator(request.user.get_username())))
        message = ngettext("{count} order was cancelled.", "{count} orders were cancelled.", cancelled)
        self.message_user(request, message.format(count=cancelled), messages.SUCCESS)
        if cancelled < len(chosen):
            late = len(chosen) - cancelled
            message = ngettext("{count} order had ended already.", "{count} orders had ended already.", late)
            self.message_user(request, message.format(count=late), messages.WARNING)
        return None


def _cancelled(chosen: Iterable[int], *, actor: str) -> Iterable[bool]:
    for pk in chosen:
        try:
            cancelling.cancel_request(pk, actor=actor)
        except IllegalTransition:
            yield False
        else:
            yield True
