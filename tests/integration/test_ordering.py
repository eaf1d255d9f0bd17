from typing import Any

import pytest

from downman.domain.errors import OrderRefused
from downman.domain.request import OrderLine
from downman.models import DownloadRequest, Notice, PolicyRecord, Resource
from downman.services.ordering import order_again
from tests.integration.orders import EMAIL, order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("honoured")]

BOX = (-4.0, 36.0, -3.0, 37.0)


def test_an_order_is_stored_with_its_parts_events_and_first_mail(resource: Resource, roads: Resource) -> None:
    placed = order(OrderLine(resource="dem", format="png", bbox=BOX), "roads", language="es-MX")
    stored = DownloadRequest.objects.get()
    assert (stored.pk, stored.status, stored.language, stored.email) == (placed.pk, "queued", "es", EMAIL)
    assert [(row.resource_id, row.status, row.format, row.crs) for row in stored.locators.all()] == [
        ("dem", "queued", "PNG", "EPSG:4326"),
        ("roads", "queued", "", ""),
    ]
    assert [event.to_status for event in stored.events.all()] == ["queued", "queued"]
    assert [(notice.kind, notice.status, notice.recipient) for notice in Notice.objects.all()] == [
        ("received", "pending", EMAIL)
    ]


def test_a_restricted_resource_waits_while_the_rest_goes_on(resource: Resource, roads: Resource) -> None:
    Resource.objects.filter(pk="roads").update(restricted=True)
    assert order("roads").status == "awaiting_approval"
    both = order("dem", "roads")
    assert both.status == "queued"
    assert [(row.status, row.approval) for row in both.locators.all()] == [
        ("queued", "not_required"),
        ("awaiting_approval", "pending"),
    ]


def test_a_resource_known_to_be_larger_than_the_public_may_have_waits(resource: Resource) -> None:
    Resource.objects.filter(pk="dem").update(size_bytes=301_000_000)
    assert order("dem").status == "awaiting_approval"
    PolicyRecord.objects.create(max_public_bytes=400_000_000)
    assert order("dem").status == "queued"


@pytest.mark.parametrize(
    ("line", "field", "word"),
    [
        ({"resource": "nothing"}, "resources.0.resource", "catalogue"),
        ({"resource": "dem\x00"}, "resources.0.resource", "catalogue"),
        ({"resource": "dem", "format": "shp"}, "resources.0.format", "GeoTIFF, PNG"),
        ({"resource": "roads", "format": "shp"}, "resources.0.format", "Leave the format out"),
        ({"resource": "dem", "bbox": (100.0, 36.0, 101.0, 37.0)}, "resources.0.bbox", "outside the data"),
        ({"resource": "dem", "bbox": (-3.0, 36.0, -4.0, 37.0)}, "resources.0.bbox", "reversed"),
        ({"resource": "dem", "bbox": (-4.0, 37.0, -3.0, 36.0)}, "resources.0.bbox", "reversed"),
        ({"resource": "dem", "bbox": (-4.0, 36.0, -4.0, 37.0)}, "resources.0.bbox", "empty"),
        ({"resource": "dem", "bbox": (float("nan"), 36.0, -3.0, 37.0)}, "resources.0.bbox", "finite"),
        ({"resource": "dem", "bbox": (-4.0, 36.0, float("inf"), 37.0)}, "resources.0.bbox", "finite"),
        ({"resource": "dem", "bbox": (500.0, 500.0, 600.0, 600.0)}, "resources.0.bbox", "outside"),
        ({"resource": "dem", "bbox": BOX, "crs": "EPSG:99999"}, "resources.0.crs", "not known"),
        ({"resource": "dem", "bbox": BOX, "crs": "../../etc/passwd"}, "resources.0.crs", "not known"),
        ({"resource": "dem", "bbox": BOX, "crs": "+proj=utm +zone=30"}, "resources.0.crs", "not known"),
        ({"resource": "dem", "crs": "nonsense"}, "resources.0.crs", "not known"),
        ({"resource": "dem", "bbox": (9e9, 9e9, 9.1e9, 9.1e9), "crs": "EPSG:25830"}, "resources.0.bbox", "outside"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused_with_what_to_change(
    resource: Resource, roads: Resource, line: dict[str, Any], field: str, word: str
) -> None:
    with pytest.raises(OrderRefused, match=word) as refused:
        order(OrderLine(**line))
    assert refused.value.field == field
    assert not DownloadRequest.objects.exists()


@pytest.mark.parametrize(
    ("bbox", "crs"),
    [
        (BOX, ""),
        (BOX, "epsg:4326"),
        ((400_000.0, 4_000_000.0, 410_000.0, 4_010_000.0), "EPSG:25830"),
        ((-500_000.0, 4_300_000.0, -300_000.0, 4_500_000.0), "EPSG:3857"),
        (BOX, "OGC:CRS84"),
    ],
)
def test_a_box_in_any_known_crs_is_taken(resource: Resource, bbox: Any, crs: str) -> None:
    order(OrderLine(resource="dem", bbox=bbox, crs=crs))


@pytest.mark.parametrize(
    "email",
    ["", "ana", "ana@", "ana@example.org\nBcc: eve@example.org", "ana@example.org\r\n", "a" * 250 + "@example.org",
     "ana@example.org, eve@example.org", '"\x01"@example.org', "ana@example.org\x00", "Ana <ana@example.org>"],
)  # fmt: skip
def test_what_is_no_address_is_refused(resource: Resource, email: str) -> None:
    with pytest.raises(OrderRefused) as refused:
        order("dem", email=email)
    assert refused.value.field == "email"


@pytest.mark.parametrize("language", ["en\r\nBcc: eve@example.org", "<script>", "e", "en_US.UTF-8", "x" * 40, "../es"])
def test_what_is_no_language_is_refused(resource: Resource, language: str) -> None:
    with pytest.raises(OrderRefused) as refused:
        order("dem", language=language)
    assert refused.value.field == "language"


@pytest.mark.parametrize(("asked", "kept"), [("", "en"), ("es", "es"), ("ES-mx", "es"), ("fr", "en")])
def test_a_language_that_is_not_spoken_becomes_the_sites(resource: Resource, asked: str, kept: str) -> None:
    assert order("dem", language=asked).language == kept


def test_an_empty_order_is_refused(resource: Resource) -> None:
    with pytest.raises(OrderRefused, match="empty"):
        order()


def test_more_than_the_limit_of_this_moment_is_refused(resource: Resource, roads: Resource) -> None:
    PolicyRecord.objects.create(cart_limit=1)
    with pytest.raises(OrderRefused, match="2 resources; at most 1"):
        order("dem", "roads")


def test_the_same_resource_twice_is_refused_unless_its_parameters_differ(resource: Resource) -> None:
    with pytest.raises(OrderRefused, match="twice"):
        order("dem", OrderLine(resource="dem", format="GEOTIFF"))
    order("dem", OrderLine(resource="dem", format="PNG"))


def test_a_withdrawn_resource_cannot_be_ordered(resource: Resource) -> None:
    Resource.objects.update(offered=False)
    with pytest.raises(OrderRefused, match="catalogue"):
        order("dem")


def test_what_a_source_does_not_apply_is_refused_with_that_sentence(resource: Resource, settings: Any) -> None:
    settings.DOWNLOADS_SOURCES = {}
    refused: tuple[tuple[OrderLine, str, str], ...] = (
        (OrderLine(resource="dem", format="PNG"), "format", "comes as it is"),
        (OrderLine(resource="dem", bbox=BOX), "bbox", "cannot cut it"),
        (OrderLine(resource="dem", crs="EPSG:25830"), "crs", "cannot transform it"),
    )
    for line, field, words in refused:
        with pytest.raises(OrderRefused, match=words) as caught:
            order(line)
        assert caught.value.field == f"resources.0.{field}"
    assert order("dem").locators.get().format == ""


def test_the_one_format_of_what_comes_as_it_is_may_be_named(resource: Resource, settings: Any) -> None:
    settings.DOWNLOADS_SOURCES = {}
    Resource.objects.update(formats=["GeoTIFF"])
    assert order("dem").locators.get().format == "GeoTIFF"
    assert order(OrderLine(resource="dem", format="geotiff")).locators.get().format == "GeoTIFF"
    with pytest.raises(OrderRefused, match="Choose one of: GeoTIFF"):
        order(OrderLine(resource="dem", format="DXF"))


def test_an_earlier_order_is_repeated_without_what_was_never_applied(resource: Resource, settings: Any) -> None:
    earlier = order(OrderLine(resource="dem", format="PNG", bbox=BOX))
    DownloadRequest.objects.update(status="failed")
    earlier.locators.update(status="failed", error_code="source-missing")
    earlier.refresh_from_db()
    settings.DOWNLOADS_SOURCES = {}
    again = order_again(earlier).locators.get()
    assert (again.format, again.bbox, again.crs) == ("", None, "")
