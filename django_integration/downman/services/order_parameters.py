"""What can be chosen for a resource: a source says which parameters it honours; nobody else's choices are taken."""

from dataclasses import replace

from django.utils.translation import gettext as _

from downman.domain.errors import OrderRefused
from downman.domain.ports import OrderParameter
from downman.domain.request import OrderLine
from downman.models import Resource
from downman.sources import find_source


def honours(resource: Resource, parameter: OrderParameter) -> bool:
    """Return whether the source of a resource applies what is chosen; one that cannot be loaded applies nothing."""
    try:
        source = find_source(resource.source)
    except ImportError:
        return False
    return source is not None and parameter in source.honours


def get_offered_formats(resource: Resource) -> list[str]:
    """Return the formats that can be named in an order.

    A source that makes none sends the one file that there is: the catalogue's formats say what is in it, and may be
    named only where they are one.
    """
    formats = list(resource.formats)
    return formats if len(formats) == 1 or honours(resource, OrderParameter.FORMAT) else []


def get_promised_formats(resource: Resource, ordered: str) -> list[str]:
    """Return what a delivered file may be: the ordered format where the source makes it, else all that are listed."""
    if ordered and honours(resource, OrderParameter.FORMAT):
        return [ordered]
    return [name for name in resource.formats if isinstance(name, str)]


def check_format(line: OrderLine, resource: Resource, *, field: str) -> str:
    """Return the format of one line as the catalogue spells it; the default where none is named.

    Raises `OrderRefused`.
    """
    offered = get_offered_formats(resource)
    if not line.format:
        return offered[0] if offered else ""
    for name in offered:
        if name.casefold() == line.format.casefold():
            return name
    if offered:
        message = _("This resource is not offered in that format. Choose one of: {formats}.")
    else:
        message = _("This resource comes as it is. Leave the format out.")
    raise OrderRefused(field=f"{field}.format", message=message.format(formats=", ".join(offered)))


def check_area(line: OrderLine, resource: Resource, *, field: str) -> None:
    """Refuse an area, or a coordinate reference system, that the source of a resource does not apply.

    Raises `OrderRefused`.
    """
    if line.bbox is not None and not honours(resource, OrderParameter.BBOX):
        message = _("This resource comes whole: its source cannot cut it to an area. Leave the area out.")
        raise OrderRefused(field=f"{field}.bbox", message=message)
    if line.crs and line.bbox is None and not honours(resource, OrderParameter.CRS):
        message = _(
            "This resource comes as it is: its source cannot transform it to another coordinate reference system. "
            "Leave the coordinate reference system out."
        )
        raise OrderRefused(field=f"{field}.crs", message=message)


def keep_honoured(line: OrderLine, resource: Resource) -> OrderLine:
    """Return a line of an earlier order without what its source does not apply: it was not applied then either."""
    cut = honours(resource, OrderParameter.BBOX)
    return replace(
        line,
        format=line.format if honours(resource, OrderParameter.FORMAT) or len(resource.formats) == 1 else "",
        bbox=line.bbox if cut else None,
        crs=line.crs if cut or honours(resource, OrderParameter.CRS) else "",
    )
