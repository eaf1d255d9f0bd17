"""What those who may only look at the admin can find out: what its pages show, and nothing else.

Django lets whoever may look at a list filter it by every field of its model, also by those that no page shows
(`?public_id__startswith=0b7c`), so that a secret can be read letter by letter.
"""

from collections.abc import Iterator
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin import ListFilter
from django.http import HttpRequest

#: How Django's own filters, and its hierarchy of dates, compare a field.
_COMPARISONS = frozenset(["exact", "in", "isnull", "gt", "gte", "lt", "lte", "year", "month", "day"])


class GuardedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The base of all admin classes here: a list is filtered by what `list_filter` and `date_hierarchy` name."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:  # noqa: ARG002 - Django's
        """Return whether the page offers this: the name of a field or of a filter, and how to compare it."""
        name, _separator, comparison = lookup.partition("__")
        offered = {self.date_hierarchy, *self._get_filters(request)}
        return name in offered and (not comparison or comparison in _COMPARISONS)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:  # noqa: ARG002 - Django's
        """Let rows be named by their primary key only (`?_to_field=`)."""
        return to_field == self.opts.pk.name

    def is_viewer(self, request: HttpRequest) -> bool:
        """Return whether somebody may look at rows and not change them: such people see no secret of them."""
        return not self.has_change_permission(request)

    def _get_filters(self, request: HttpRequest | None) -> Iterator[str]:
        for item in self.get_list_filter(cast("HttpRequest", request)):
            if isinstance(item, type) and issubclass(item, ListFilter):
                yield str(getattr(item, "parameter_name", ""))
            else:
                yield str(item[0] if isinstance(item, tuple) else item)
