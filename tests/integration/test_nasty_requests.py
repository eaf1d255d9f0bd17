"""No request whatsoever is answered 500: every route of the site, with every method and nasty values everywhere.

The routes are those of Django's URL table: a new one is tried without a word here.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from downman.models import PolicyRecord, Resource
from downman_site.wsgi import Request, application
from tests.bad_inputs import Case, ids
from tests.bad_inputs.requests import BODIES, HEADERS, PARTS_OF_PATHS, QUERIES
from tests.integration.orders import delivered, wish

pytestmark = pytest.mark.django_db

REFUSED_BODIES = [case for case in BODIES if case.expected]
METHODS = ("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)")
API = "/downloads/api/"


def routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    """Return the routes below a resolver, as Django writes them."""
    for item in resolver.url_patterns:
        route = before + str(item.pattern).removeprefix("^").removesuffix("$").replace("/?", "/").replace("\\Z", "")
        if isinstance(item, URLPattern):
            yield f"/{route}"
        else:
            yield from routes(item, route)


ROUTES = sorted(set(routes(get_resolver())))


@dataclass
class Site:
    """A site with one of everything, and what stands in the URLs that lead there."""

    client: Client
    values: dict[str, str]

    def path(self, route: str, **instead: str) -> str:
        values = {**self.values, **instead}
        return _PARAMETER.sub(lambda found: values.get(found[1] or found[2], "1"), route)

    def ask(self, method: str, path: str, *, query: str = "", **more: Any) -> int:
        answer = self.client.generic(method, path, QUERY_STRING=query, **more)
        # Read what is streamed, and close the file.
        body = answer.getvalue()
        # Here it is true that the site is not ready: there is no Prefect.
        is_told = path.startswith("/downloads/health/ready") and answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR or is_told, (method, path, query, more, body[:300])
        return answer.status_code


@pytest.fixture
def nasty(resource: Resource) -> Site:
    """Log in who may do everything, so that nothing is refused before it is read."""
    placed, asked = delivered("dem"), wish()
    PolicyRecord.objects.create(cart_limit=3)
    user = User.objects.create_superuser("nasty")
    client = Client(raise_request_exception=False)
    client.force_login(user)
    values = {
        "token": placed.links.get().token,
        "name": "download.zip",
        "position": "0",
        "app_label": "downloads",
        "pk": str(placed.pk),
        "row_pk": str(placed.locators.get().pk),
        "object_id": str(placed.pk),
    }
    site = Site(client, values)
    site.values["public_id"] = str(placed.public_id)
    site.values["generic_id"] = str(asked.public_id)
    return site


def of(route: str, site: Site) -> dict[str, str]:
    """Return what differs for some routes."""
    if "generic" in route:
        return {"public_id": site.values["generic_id"]}
    return {"object_id": "dem"} if "/resource/" in route else {}


def test_the_routes_are_those_of_the_site() -> None:
    assert {"/", "/downloads/order/", f"{API}requests/", "/admin/login/", "/i18n/setlang/"} <= set(ROUTES)
    assert len(ROUTES) > 50


@pytest.mark.parametrize("route", ROUTES)
def test_no_route_fails(nasty: Site, route: str) -> None:
    path = nasty.path(route, **of(route, nasty))
    # Some of the cases are enough where an answer takes long, or Django's own tests try them.
    step = 8 if route.endswith("openapi.json") else 3 if route.startswith("/admin/") else 1
    for case in QUERIES[::step]:
        nasty.ask("GET", path, query=case.given)
    for case in HEADERS[::step]:
        nasty.ask("GET", path, **case.given)
    for parameter in {first or second for first, second in _PARAMETER.findall(route)}:
        for case in PARTS_OF_PATHS:
            nasty.ask("GET", nasty.path(route, **{**of(route, nasty), parameter: case.given}))
    for case in BODIES[::step]:
        content_type, body = case.given
        nasty.ask("POST", path, data=body, content_type=content_type)
    for method in METHODS[::step]:
        nasty.ask(method, path)


@pytest.mark.parametrize("case", REFUSED_BODIES, ids=ids(REFUSED_BODIES))
def test_a_body_that_cannot_be_taken_is_refused_with_a_sentence(nasty: Site, case: Case) -> None:
    content_type, body = case.given
    for path in (f"{API}requests/", f"{API}generic-requests/"):
        answer = nasty.client.generic("POST", path, body, content_type=content_type)
        assert answer.status_code == case.expected
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"]


NASTY_TEXT = st.text(st.characters(exclude_categories=[])) | st.sampled_from(
    ["dem", "\0", "\ud800", "NaN", "EPSG:4326"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NASTY_TEXT | st.just(10**30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NASTY_TEXT, inner, max_size=5),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["email", "language", "resources", "description", "organisation", "usage", "map_view", "resource", "bbox", "crs"]
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(NAMES, VALUES, max_size=6), line=st.dictionaries(NAMES, VALUES, max_size=4))
def test_no_body_of_json_fails(nasty: Site, body: dict[str, Any], line: dict[str, Any]) -> None:
    good = {"email": "ana@example.org", "resources": [{"resource": "dem", **line}]}
    asked = {"email": "ana@example.org", "description": "Soil", **{k: v for k, v in body.items() if k != "resources"}}
    for path, given_body in (
        (f"{API}requests/", {**good, **body}),
        (f"{API}requests/", good),
        (f"{API}generic-requests/", asked),
    ):
        nasty.ask("POST", path, data=json.dumps(given_body), content_type="application/json")


def test_what_was_taken_can_be_shown(nasty: Site) -> None:
    """Everything that the API took above is shown by the pages, too: strange texts that can be stored are no defect."""
    strange = "\u202e\u2028\x1b[31m<b>\ufeff" + "𐍈" * 200
    body = {
        "email": "ana@example.org",
        "description": strange,
        "organisation": strange[:50],
        "map_view": {strange: [1e308, -0.0, 2**53]},
    }
    answer = nasty.client.post(f"{API}generic-requests/", json.dumps(body), content_type="application/json")
    assert answer.status_code == 201
    for path in (answer.json()["tracking_url"].removeprefix("http://testserver"), "/admin/downloads/genericrequest/"):
        assert nasty.ask("GET", path) == 200


@pytest.mark.parametrize(
    "charset", ["charset=\0", "charset*=utf-8''%00", "charset=undefined", "charset=idna", "charset=rot13"]
)
def test_no_declared_character_set_breaks_the_reference_site(charset: str) -> None:
    environ = RequestFactory().generic("POST", "/downloads/generic/", b"email=%F1%00").environ
    environ["CONTENT_TYPE"] = f"application/x-www-form-urlencoded; {charset}"
    seen: list[str] = []

    def start(status: str, *_more: Any) -> Callable[[bytes], object]:
        seen.append(status)
        return seen.append  # type: ignore[return-value]

    application(environ, start)
    assert not seen[0].startswith("5"), seen
    assert Request(environ).encoding is None
