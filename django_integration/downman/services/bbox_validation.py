"""Return whether a bounding box makes sense, with pyproj's tables of coordinate reference systems."""

import math
import re
from functools import lru_cache

from django.utils.translation import gettext as _
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from downman.domain.errors import OrderRefused
from downman.domain.request import BoundingBox, OrderLine
from downman.models import Resource

DEFAULT_CRS = "EPSG:4326"
#: Only codes of authorities are taken from clients: pyproj would also read files and pipelines.
_CRS_CODE = re.compile(r"(EPSG|OGC|IAU_2015|ESRI):[A-Za-z0-9]{1,12}", re.IGNORECASE)
_WHOLE_WORLD = (-180.0, -90.0, 180.0, 90.0)


def check_bbox(line: OrderLine, resource: Resource, *, field: str) -> str:
    """Check the box of one line against its CRS and the resource's extent; give the CRS in its usual spelling.

    Raises `OrderRefused`.
    """
    code = _checked_code(line.crs, field=field) if line.crs or line.bbox else ""
    if line.bbox is None:
        return code
    minx, miny, maxx, maxy = line.bbox
    if not all(math.isfinite(value) for value in line.bbox):
        raise OrderRefused(field=f"{field}.bbox", message=_("The box must be made of four finite numbers."))
    if minx >= maxx or miny >= maxy:
        raise OrderRefused(
            field=f"{field}.bbox",
            message=_("The box is reversed or empty. Write it as [minx, miny, maxx, maxy], x being east or longitude."),
        )
    degrees = _in_degrees(line.bbox, code)
    if degrees is None or not _overlap(degrees, _area_of_use(code)):
        message = _("The box lies outside the area in which {crs} can be used. Check the numbers and the CRS.")
        raise OrderRefused(field=f"{field}.bbox", message=message.format(crs=code))
    if resource.extent and not _overlap(degrees, tuple(resource.extent)):
        message = _("The box lies outside the data, which covers {extent} in degrees. Choose a box that meets it.")
        raise OrderRefused(field=f"{field}.bbox", message=message.format(extent=resource.extent))
    return code


def _checked_code(code: str, *, field: str) -> str:
    code = (code or DEFAULT_CRS).upper()
    if not _CRS_CODE.fullmatch(code) or _crs(code) is None:
        raise OrderRefused(
            field=f"{field}.crs", message=_("This coordinate reference system is not known. Write it like EPSG:4326.")
        )
    return code


@lru_cache(maxsize=256)
def _crs(code: str) -> CRS | None:
    try:
        return CRS.from_user_input(code)
    except CRSError:
        return None


@lru_cache(maxsize=256)
def _area_of_use(code: str) -> BoundingBox:
    crs = _crs(code)
    return crs.area_of_use.bounds if crs is not None and crs.area_of_use is not None else _WHOLE_WORLD


def _in_degrees(bbox: BoundingBox, code: str) -> BoundingBox | None:
    """Return west, south, east, north; None where the box cannot be on the earth."""
    crs = _crs(code)
    if crs is None:
        return None
    if crs.is_geographic:
        degrees = bbox
    else:
        degrees = Transformer.from_crs(crs, DEFAULT_CRS, always_xy=True).transform_bounds(*bbox)
    west, south, east, north = degrees
    on_earth = all(math.isfinite(value) for value in degrees) and -180 <= west <= 360 and -180 <= east <= 360  # noqa: PLR2004 - degrees
    return degrees if on_earth and -90 <= south <= north <= 90 else None  # noqa: PLR2004 - degrees


def _overlap(one: BoundingBox, other: BoundingBox) -> bool:
    """Return whether two boxes in degrees meet; one whose west is greater than its east crosses the antimeridian."""
    if one[1] > other[3] or other[1] > one[3]:
        return False
    return any(left[0] <= right[1] and right[0] <= left[1] for left in _spans(one) for right in _spans(other))


def _spans(box: BoundingBox) -> list[tuple[float, float]]:
    west, _south, east, _north = box
    return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
