"""What the API takes and gives; the OpenAPI document is made from these."""

import uuid
from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any, get_type_hints

from ninja import Schema
from pydantic import ConfigDict, Field, create_model

from downman.domain.limits import LimitName
from downman.domain.ports import OrderParameter
from downman.domain.request import FreeTextRequest, Order, OrderLine
from downman.domain.status import GenericStatus, RequestStatus
from downman.models import Resource
from downman.services.order_parameters import get_offered_formats, honours
from downman.services.tracking import Progress, TrackedLink, TrackedRequest, TrackedResource


class ResourceOut(Schema):
    """A resource that can be ordered."""

    id: str
    title: str
    summary: str
    source: str
    formats: list[str] = Field(
        description="Formats that can be ordered; the first is the default. None where the file comes as it is."
    )
    honours: list[OrderParameter] = Field(description="What can be chosen; other parameters are refused.")
    restricted: bool = Field(description="True: an administrator must approve each order of it.")
    licence: str
    extent: list[float] | None = Field(description="[west, south, east, north] in degrees.")
    size_bytes: int | None

    @staticmethod
    def resolve_formats(resource: Resource) -> list[str]:
        """Return those that can be ordered."""
        return get_offered_formats(resource)

    @staticmethod
    def resolve_honours(resource: Resource) -> list[OrderParameter]:
        """Return what its source applies."""
        return [parameter for parameter in OrderParameter if honours(resource, parameter)]


class LineIn(Schema):
    """A resource that is ordered, with its parameters."""

    model_config = ConfigDict(extra="forbid")

    resource: Annotated[str, Field(max_length=200)] = Field(description="The id of a resource of the catalogue.")
    format: Annotated[str, Field(max_length=50)] = Field("", description="One of the resource's `formats`.")
    bbox: tuple[float, float, float, float] | None = Field(
        None, description="[minx, miny, maxx, maxy] in `crs`; x is east or longitude, whatever the CRS says."
    )
    crs: Annotated[str, Field(max_length=50)] = Field(
        "", description="The CRS of `bbox`; EPSG:4326 where it is left out."
    )


class OrderIn(Schema):
    """An order."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=1000)] = Field(description="Where the link is sent.")
    language: Annotated[str, Field(max_length=100)] = Field("", description="The language of the mails, such as `en`.")
    resources: list[LineIn]

    def to_order(self) -> Order:
        """Return the order in the domain's words."""
        lines = tuple(
            OrderLine(resource=line.resource, format=line.format, bbox=line.bbox, crs=line.crs)
            for line in self.resources
        )
        return Order(email=self.email, language=self.language, lines=lines)


class EmailIn(Schema):
    """An e-mail address."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=1000)] = Field(description="An e-mail address.")


class EmailOut(Schema):
    """An e-mail address as the portal understands it."""

    email: str = Field(description="Where e-mails would go: the domain in ASCII; empty where an order is refused.")
    suggestion: str = Field(description="Another address that was probably meant; empty where it looks right.")
    problem: str = Field(description="Why an order with it is refused; empty where it is not.")


class AddressOut(Schema):
    """Where the e-mails about an order go."""

    email: str = Field(description="The present address, its domain in ASCII.")
    new_email: str = Field(description="The one that was asked for, until it is confirmed; empty where that is done.")


class PlacedOut(Schema):
    """An order that was stored."""

    id: uuid.UUID
    status: RequestStatus
    tracking_url: str


def to_schema(name: str, kind: type, **nested: Any) -> type[Schema]:
    """Return the schema of what `services.tracking` returns: its fields, but for those that only pages show.

    `nested` are the types of fields that hold other such values.
    """
    hints = get_type_hints(kind)
    shown = [item for item in fields(kind) if not item.metadata.get("page_only")]
    declared: dict[str, Any] = {
        item.name: (nested.get(item.name, hints[item.name]), Field(description=item.metadata.get("description")))
        for item in shown
    }
    return create_model(name, __base__=Schema, __doc__=kind.__doc__, **declared)


ProgressOut = to_schema("ProgressOut", Progress)
TrackedResourceOut = to_schema("TrackedResourceOut", TrackedResource)
LinkOut = to_schema("LinkOut", TrackedLink)
RequestOut = to_schema(
    "RequestOut",
    TrackedRequest,
    progress=ProgressOut,
    resources=list[TrackedResourceOut],  # type: ignore[valid-type]
    links=list[LinkOut],  # type: ignore[valid-type]
)


class FreeTextRequestIn(Schema):
    """A generic request: what somebody needs, in their own words."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=1000)] = Field(description="Where the answer is sent.")
    language: Annotated[str, Field(max_length=100)] = Field("", description="The language of the mails, such as `en`.")
    description: str = Field(description="What is needed.")
    organisation: str = ""
    usage: str = Field("", description="What the data are needed for.")
    map_view: dict[str, Any] | None = Field(None, description="A view of the portal's map, in the portal's own words.")

    def to_free_text_request(self) -> FreeTextRequest:
        """Return the free-text request in the domain's words."""
        return FreeTextRequest(**self.model_dump())


class RegisteredOut(Schema):
    """A generic request that was stored."""

    id: uuid.UUID
    status: GenericStatus
    tracking_url: str


class WishOut(Schema):
    """How a generic request stands."""

    id: uuid.UUID = Field(alias="public_id")
    number: str = Field(description="What people read to each other; unlike `id` it opens nothing.")
    status: GenericStatus
    created_at: datetime
    description: str
    answer: str = Field(description="What an administrator answered; empty until then.")
    decided_at: datetime | None


class FieldProblem(Schema):
    """One thing that is wrong, and where."""

    field: str
    detail: str


class Problem(Schema):
    """Problem details, RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = Field(default_factory=list)
    limit: str | None = Field(None, description="With status 429: the limit that was reached, as `limits/` names it.")


class LimitOut(Schema):
    """One limit, and what the one who asks has used of it."""

    name: LimitName
    limit: int
    used: int | None = Field(description="Null where it is that of an e-mail address, and nobody has logged in.")
    remaining: int | None = Field(description="How much more is taken now; null like `used`.")
    window_seconds: int | None = Field(
        description="Seconds over which uses count; null: as long as what counts is there."
    )
    resets_at: datetime | None = Field(
        description="When what is used now no longer counts; null where nothing is used."
    )


class LimitsOut(Schema):
    """The limits that hold for the one who asks; an empty list: none."""

    limits: list[LimitOut]


def to_raw_order(order: OrderIn) -> dict[str, Any]:
    """Return the order as it came, for the record."""
    return order.model_dump(mode="json", exclude_unset=True)
