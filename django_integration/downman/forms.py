"""What people fill in to order."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings as django_settings
from django.db.models import Model
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.translation import get_language, get_supported_language_variant
from django.utils.translation import gettext_lazy as _

from downman.domain.errors import OrderRefused
from downman.domain.ports import OrderParameter
from downman.domain.request import BoundingBox, FreeTextRequest, Order, OrderLine
from downman.models import Resource
from downman.services.generic import LONGEST_LINE, LONGEST_TEXT
from downman.services.order_parameters import get_offered_formats, honours
from downman.services.policy import current_policy
from downman.visitors import get_email, get_visitor

BOX_FIELDS = ("minx", "miny", "maxx", "maxy")
#: A name that a button of the page may have: the order is then shown again, changed, and not placed.
CHANGES = frozenset({"change", "remove"})


class CoordinateField(forms.FloatField):
    """A number with a point or a comma."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "size": 10})

    def to_python(self, value: Any) -> float | None:  # type: ignore[override]
        """Read it; refuses what is not finite."""
        return super().to_python(value.strip().replace(",", ".") if isinstance(value, str) else value)


class RequesterForm(forms.Form):
    """Who asks for something."""

    email = forms.CharField(
        label=_("Your e-mail address"),
        error_messages={"required": _("Write the e-mail address to which the link is sent.")},
        widget=forms.EmailInput(attrs={"autocomplete": "email", "placeholder": "name@example.org", "size": 32}),
    )
    language = forms.ChoiceField(label=_("Language of the e-mails"), required=False)

    def __init__(self, data: QueryDict | None, *, user: Model | None = None) -> None:
        """Propose what is known of the visitor."""
        super().__init__(
            data,
            initial={
                "email": get_email(user) if user else "",
                "language": _page_language(),
            },
        )
        self.user = user
        self.fields["language"].choices = django_settings.LANGUAGES  # type: ignore[attr-defined]


class FreeTextRequestForm(RequesterForm):
    """A generic request: what somebody needs, in their own words."""

    description = forms.CharField(
        label=_("What do you need?"),
        max_length=LONGEST_TEXT,
        error_messages={"required": _("Describe what you need.")},
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    usage = forms.CharField(
        label=_("What is it for? (optional)"),
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    organisation = forms.CharField(
        label=_("Your organisation (optional)"),
        required=False,
        max_length=LONGEST_LINE,
        widget=forms.TextInput(attrs={"autocomplete": "organization", "size": 32}),
    )

    def to_free_text_request(self) -> FreeTextRequest:
        """Return the free-text request in the domain's words."""
        return FreeTextRequest(**self.cleaned_data)

    def refuse(self, refusal: OrderRefused) -> None:
        """Show why the free-text request was not taken at the field that has to change."""
        self.add_error(refusal.field if refusal.field in self.fields else None, refusal.message)


class OrderForm(RequesterForm):
    """One order: the cart, which is in the URL, and what goes with it."""

    minx = CoordinateField(label=_("West (min. x)"), required=False)
    miny = CoordinateField(label=_("South (min. y)"), required=False)
    maxx = CoordinateField(label=_("East (max. x)"), required=False)
    maxy = CoordinateField(label=_("North (max. y)"), required=False)
    crs = forms.CharField(
        label=_("Coordinate reference system"),
        required=False,
        max_length=50,
        widget=forms.TextInput(attrs={"list": "known-crs", "placeholder": "EPSG:4326", "size": 12}),
    )

    def __init__(self, data: QueryDict | None, *, cart: Sequence[str], user: Model | None = None) -> None:
        """Prepare the form for the resources of a cart; those that the catalogue lacks are told in `unknown`."""
        super().__init__(data, user=user)
        offered = list(Resource.objects.filter(offered=True))
        by_id = {resource.pk: resource for resource in offered}
        self.resources = [by_id[pk] for pk in dict.fromkeys(cart) if pk in by_id]
        self.unknown = [pk for pk in dict.fromkeys(cart) if pk not in by_id]
        self.others = [resource for resource in offered if resource not in self.resources]
        self.cart_limit = current_policy().cart_limit
        if not self.can_be_cut:
            # The page does not show them then.
            for name in (*BOX_FIELDS, "crs"):
                del self.fields[name]
        for resource in self.resources:
            formats = get_offered_formats(resource)
            if len(formats) > 1:
                self.fields[_format_field(resource)] = forms.ChoiceField(
                    label=_("Format"), required=False, choices=[(name, name) for name in formats]
                )

    @classmethod
    def from_request(cls, request: HttpRequest) -> "OrderForm":
        """Read cart and choices from a URL or from what was sent."""
        user = get_visitor(request)
        if request.method != "POST":
            return cls(None, cart=request.GET.getlist("resource"), user=user)
        removed = set(request.POST.getlist("remove"))
        cart = [*request.POST.getlist("resource"), *request.POST.getlist("add")]
        form = cls(request.POST, cart=[pk for pk in cart if pk not in removed], user=user)
        if CHANGES & set(request.POST):
            form.keep_what_was_filled_in()
        return form

    def keep_what_was_filled_in(self) -> None:
        """Show again what was filled in without judging it."""
        self.initial = {name: self.data[name] for name in self.fields if name in self.data}
        self.is_bound = False

    @property
    def address(self) -> str:
        """The URL of the page with this cart."""
        query = QueryDict(mutable=True)
        query.setlist("resource", [resource.pk for resource in self.resources])
        return reverse("downloads:order") + (f"?{query.urlencode()}" if self.resources else "")

    def lines(self) -> list[tuple[Resource, forms.BoundField | None]]:
        """Return each resource of the cart with its choice of format, where there is one."""
        return [
            (resource, self[_format_field(resource)] if _format_field(resource) in self.fields else None)
            for resource in self.resources
        ]

    @property
    def can_be_cut(self) -> bool:
        """Whether an area can be chosen for something in the cart."""
        return any(honours(resource, OrderParameter.BBOX) for resource in self.resources)

    def box(self) -> list[forms.BoundField]:
        """Return the four sides of the box."""
        return [self[name] for name in BOX_FIELDS]

    def box_is_open(self) -> bool:
        """Return whether the box has something to see."""
        names = (*BOX_FIELDS, "crs")
        return any(self[name].value() or self[name].errors for name in names)

    def clean(self) -> dict[str, Any]:
        """Take all four sides of the box, or none."""
        cleaned = super().clean() or {}
        given = [name for name in BOX_FIELDS if cleaned.get(name) is not None]
        missing = [name for name in BOX_FIELDS if name not in given and name not in self.errors]
        if given and missing:
            self.add_error(missing[0], _("Write all four sides of the box, or none."))
        return cleaned

    def to_order(self) -> Order:
        """Return the order in the domain's words."""
        cleaned = self.cleaned_data
        bbox: BoundingBox | None = None
        if cleaned.get("minx") is not None:
            bbox = (cleaned["minx"], cleaned["miny"], cleaned["maxx"], cleaned["maxy"])
        lines = tuple(
            OrderLine(
                resource=resource.pk,
                format=cleaned.get(_format_field(resource), ""),
                bbox=bbox if cut else None,
                crs=cleaned.get("crs", "").strip() if bbox and cut else "",
            )
            for resource in self.resources
            for cut in [honours(resource, OrderParameter.BBOX)]
        )
        return Order(email=cleaned["email"], language=cleaned["language"], lines=lines)

    def raw_order(self) -> Mapping[str, Any]:
        """Return what was filled in, for the record; nothing that the page does not ask for."""
        filled_in = {name: self.data[name] for name in self.fields if self.data.get(name)}
        return {**filled_in, "resources": [resource.pk for resource in self.resources]}

    def refuse(self, refusal: OrderRefused) -> None:
        """Show why the order was not taken at the field that has to change."""
        step, _dot, rest = refusal.field.partition(".")
        number, _dot, part = rest.partition(".")
        if step != "resources" or not number.isdigit():
            self.add_error(step if step in self.fields else None, refusal.message)
            return
        resource = self.resources[int(number)]
        field = {"format": _format_field(resource), "bbox": "minx", "crs": "crs"}.get(part)
        message = refusal.message if part == "crs" else f"{resource.title}: {refusal.message}"
        self.add_error(field if field in self.fields else None, message)


def _format_field(resource: Resource) -> str:
    return f"format.{resource.pk}"


def _page_language() -> str:
    return get_supported_language_variant(get_language() or django_settings.LANGUAGE_CODE)
