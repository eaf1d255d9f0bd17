"""What the catalogue takes: the importer and the admin refuse the same; what lies there all the same breaks nothing."""

import json
from typing import Any

import pytest
from django.contrib.admin.sites import site as admin_site
from django.db import connection
from django.test import Client, RequestFactory

from downman.models import PolicyRecord, Resource
from downman.services.catalogue import CatalogueError, import_catalogue
from downman.services.leases import Claim, claim
from tests.bad_inputs import Case, ids
from tests.bad_inputs.catalogue import BOTH, CASES
from tests.integration.orders import order

pytestmark = pytest.mark.django_db

GOOD: dict[str, Any] = {"id": "soil", "title": "Soil", "source": "http", "url": "https://example.org/soil.tif"}


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_the_importer_refuses_it_and_says_where_and_why(case: Case) -> None:
    with pytest.raises(CatalogueError) as refused:
        import_catalogue(json.dumps([GOOD, {**GOOD, "id": "other", **case.given}]))
    assert "1." in str(refused.value) or "Entry 2" in str(refused.value)
    assert case.expected.casefold() in str(refused.value).casefold()
    str(refused.value).encode()
    assert not Resource.objects.exists()


@pytest.mark.parametrize("case", BOTH, ids=ids(BOTH))
def test_the_admin_refuses_it_too(case: Case) -> None:
    form_class = admin_site.get_model_admin(Resource).get_form(RequestFactory().get("/"))
    data = {**GOOD, "extent": "null", "formats": "[]", "public_parameters": "[]", **case.given}
    for name in ("extent", "formats"):
        data[name] = data[name] if data[name] in ("null", "[]") else json.dumps(data[name])
    assert not form_class(data=data).is_valid()


def test_the_admin_takes_a_good_one() -> None:
    form_class = admin_site.get_model_admin(Resource).get_form(RequestFactory().get("/"))
    form = form_class(data={**GOOD, "extent": "[170, -20, -170, 0]", "formats": '["PNG"]', "public_parameters": "[]"})
    assert form.is_valid(), form.errors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[{}", "not JSON"),
        ("{}", "list of resources"),
        ("[[]]", "Entry 1 is not an object"),
        ('[{"id": "a", "id": "b"}]', "stands twice"),
        ('[{"id": "a", "extent": [NaN, 1, 2, 3]}]', "finite"),
        ('[{"id": "a", "size_bytes": ' + "9" * 5_000 + "}]", "finite"),
        ("[" * 5_000 + "]" * 5_000, "nested too deeply"),
        ('[{"id": "a", "title": "\\ud800"}]', "cannot be stored"),
        (json.dumps([GOOD, GOOD]), "its id stands twice"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(CatalogueError, match=words):
        import_catalogue(text)
    assert not Resource.objects.exists()


@pytest.mark.parametrize(
    ("formats", "extent"), [("{}", "{}"), ('{"a": 1}', "[1, 2]"), ('"PNG"', '["a", 1, 2, 3]'), ("[1]", "7")]
)
def test_what_somebody_wrote_past_all_validation_breaks_no_page(
    client: Client, resource: Resource, formats: str, extent: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE downloads_resource SET formats = %s, extent = %s", [formats, extent])
    (listed,) = [row for row in client.get("/downloads/api/resources/").json() if row["id"] == "dem"]
    assert (listed["formats"], listed["extent"]) == ([], None)
    for page in ("/", "/downloads/order/?resource=dem"):
        assert client.get(page).status_code == 200
    assert order("dem").locators.get().format == ""


@pytest.mark.parametrize(
    ("query", "keep", "delivery"),
    [
        ("?year=2020", [], "link"),
        ("?apikey=k", [], "package"),
        ("?apikey=k", ["apikey"], "link"),
        ("?id=7#x", [], "link"),
    ],
)
def test_a_link_never_leads_to_a_source_with_its_key(
    resource: Resource, query: str, keep: list[str], delivery: str
) -> None:
    PolicyRecord.objects.create(behaviour="NEVER")
    Resource.objects.update(url=f"https://example.org/dem.tif{query}", public_parameters=keep)
    claimed = claim(order("dem").pk, owner="run-1", free_bytes=10**12)
    assert isinstance(claimed, Claim)
    assert claimed.parts[0].packaged == (delivery == "package")
