"""Pages for reading fields and acting on rows; only the services change states, since they know what follows.

Each action is asked for on a page of its own, which says what will happen.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext, gettext_lazy

from downman.admin.actions import TEXT, AdminAction, filter_actions, get_name
from downman.admin.guarded import GuardedAdmin
from downman.domain.errors import IllegalTransition, OrderRefused
from downman.services.transitions import administrator


class ReadOnly:
    """Lets people look, and change no field."""

    fields: ClassVar[tuple[str, ...]]

    def get_readonly_fields(self, *_arguments: Any) -> tuple[str, ...]:
        """Show all fields as text; Django makes no form for those that only the services write."""
        return self.fields

    def has_add_permission(self, *_arguments: Any) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, *_arguments: Any) -> bool:
        """Refuse."""
        return False


class ReadOnlyInline(ReadOnly, admin.TabularInline):  # type: ignore[misc, type-arg]
    """ReadOnlyInline that belong to an order: who may see the order sees them, with what can be done with each."""

    fk_name = "request"
    #: Those among these rows, by their names.
    row_actions: ClassVar[Mapping[str, AdminAction]] = {}

    def has_change_permission(self, *_arguments: Any) -> bool:
        """Refuse: there is nothing to fill in."""
        return False

    def has_view_permission(self, *_arguments: Any) -> bool:
        """Leave it to the page on which the rows stand."""
        return True

    def get_fields(self, request: HttpRequest, _obj: models.Model | None = None) -> tuple[str, ...]:
        """Show what can be done to those who may do it."""
        parent = self.parent_model._meta  # noqa: SLF001 - Django's name for what everybody may use
        may_act = request.user.has_perm(f"{parent.app_label}.change_{parent.model_name}")
        # First, where it is seen also when the table is wider than the window.
        return ("what_can_be_done", *self.fields) if may_act and self.row_actions else self.fields

    def get_readonly_fields(self, *_arguments: Any) -> tuple[str, ...]:
        """Show all fields as text."""
        return (*self.fields, "what_can_be_done")

    @admin.display(description=gettext_lazy("what can be done"))
    def what_can_be_done(self, row: models.Model) -> str:
        """Lead to the questions."""
        parent = getattr(row, f"{self.fk_name}_id")
        links = [(url, label) for url, label in _links(self.parent_model, parent, self.row_actions, row)]
        return format_html_join(" · ", '<a href="{}">{}</a>', links) or "-"


class ActionAdmin(ReadOnly, GuardedAdmin):  # type: ignore[misc]
    """An order or a free-text request, to look at and to act on for those who may change it."""

    change_form_template = "admin/downloads/change_form.html"
    show_full_result_count = False
    #: All of them, also those with the rows that belong to it.
    row_actions: ClassVar[Mapping[str, AdminAction]]

    def get_urls(self) -> list[URLPattern]:
        """Put the questions before Django's own pages."""
        question = path(
            "<int:pk>/<slug:name>/<int:row_pk>/",
            self.admin_site.admin_view(self.question_page),
            name=_url_name(self.model),
        )
        return [question, *super().get_urls()]

    def change_view(self, request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        """Show it; nothing is saved here."""
        if request.method == "POST":
            raise PermissionDenied
        return super().change_view(request, *arguments, **named)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *arguments: Any, **named: Any
    ) -> HttpResponse:
        """Offer the row_actions in the place of the buttons that save."""
        row = context["original"]
        may_act = self.has_change_permission(request, row)
        links = _links(self.model, row.pk, filter_actions("", self.row_actions), row) if may_act else []
        context.update(show_save=False, show_save_and_continue=False, row_actions=links)
        return super().render_change_form(request, context, *arguments, **named)

    def question_page(self, request: HttpRequest, pk: int, name: str, row_pk: int) -> HttpResponseBase:
        """Ask before a action, do it, and say what became of it."""
        found = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_change_permission(request, found):
            raise PermissionDenied
        action = self.row_actions.get(name)
        if action is None:
            raise Http404
        rows = getattr(found, action.relation) if action.relation else self.model._default_manager.filter(pk=pk)  # noqa: SLF001
        row = get_object_or_404(rows, pk=row_pk)
        form = forms.Form(request.POST if request.method == "POST" else None)
        if action.field:
            form.fields[TEXT] = action.field()
        if form.is_valid() and self._do(request, action, row, form):
            return redirect(f"admin:downloads_{self.opts.model_name}_change", pk)
        question = str(action.question).format(row=get_name(row))
        return self.ask(request, question=question, button=str(action.label), form=form, original=found)

    def ask(self, request: HttpRequest, *, question: str, button: str, **context: Any) -> HttpResponseBase:
        """Show a question with the button that says yes to it."""
        common = {**self.admin_site.each_context(request), "opts": self.opts, "title": button}
        return TemplateResponse(
            request,
            "admin/downloads/question.html",
            {**common, "question": question, "button": button, **context},
        )

    def _do(self, request: HttpRequest, action: AdminAction, row: models.Model, form: forms.Form) -> bool:
        """Do it and say so; give False where what was written has to be changed first."""
        try:
            action.do(row.pk, administrator(request.user.get_username()), form.cleaned_data.get(TEXT, ""))
        except OrderRefused as refusal:
            form.add_error(TEXT, refusal.message)
            return False
        except IllegalTransition as late:
            self.message_user(request, gettext(late.sentence).format_map(late.details), messages.WARNING)
        else:
            self.message_user(request, str(action.done).format(row=get_name(row)), messages.SUCCESS)
        return True


def _links(
    model: type[models.Model], pk: int, row_actions: Mapping[str, AdminAction], row: models.Model
) -> list[tuple[str, str]]:
    """Return URL and label of what can be done with a row now."""
    return [
        (reverse(f"admin:{_url_name(model)}", args=[pk, name, row.pk]), str(action.label))
        for name, action in row_actions.items()
        if action.possible(row)
    ]


def _url_name(model: type[models.Model]) -> str:
    return f"downloads_{model._meta.model_name}_question"  # noqa: SLF001 - Django's name for what everybody may use
