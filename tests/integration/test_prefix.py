"""A site below a path (`FORCE_SCRIPT_NAME`): every URL that it gives begins with it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.urls import clear_script_prefix, set_script_prefix

from downman.middleware import DatabaseUnavailableMiddleware
from downman.models import Notice, Resource
from downman.services.mails import compose
from tests.integration.orders import EMAIL, delivered, wish

pytestmark = pytest.mark.django_db

PREFIX, SITE = "/portal", "https://example.org"
ORDER = {"email": EMAIL, "language": "en", "resources": [{"resource": "dem"}]}
#: Addresses in a page: of links, forms, scripts, styles, and for the scripts.
IN_PAGES = re.compile(r'(?:href|src|action|data-api|data-page|value|url)="?(/[^" ]*)')
IN_MAILS = re.compile(r"https?://[^\s\"<>]+")


@pytest.fixture(autouse=True)
def _below_a_path(settings: Any) -> Iterator[None]:
    settings.FORCE_SCRIPT_NAME = PREFIX
    settings.DOWNLOADS_SITE_URL = SITE
    # What `django.setup()` does in each process and in each run of a worker.
    set_script_prefix(f"{PREFIX}/")
    yield
    clear_script_prefix()


def test_every_address_in_the_pages_begins_with_it(client: Client, resource: Resource, admin_client: Client) -> None:
    placed, asked = delivered("dem"), wish()
    link = placed.links.get()
    pages = {
        "/downloads/order/?resource=dem": client,
        "/downloads/generic/": client,
        f"/downloads/requests/{placed.public_id}/": client,
        f"/downloads/generic/{asked.public_id}/": client,
        f"/downloads/links/unknown/{link.name}": client,
        f"/admin/downloads/downloadrequest/{placed.pk}/change/": admin_client,
    }
    for path, visitor in pages.items():
        text = visitor.get(path).content.decode()
        # The prefix of static files is fixed when Django starts: tests/acceptance/sites has them.
        found = [url for url in IN_PAGES.findall(text) if not url.startswith("/static/")]
        assert [url for url in found if not f"{url}/".startswith(f"{PREFIX}/")] == [], path
        assert found, path
    assert f"{SITE}{PREFIX}/downloads/links/{link.token}/{link.name}" in (
        client.get(f"/downloads/requests/{placed.public_id}/").content.decode()
    )


def test_so_does_what_programs_get(client: Client, resource: Resource) -> None:
    answer = client.post("/downloads/api/requests/", data=ORDER, content_type="application/json").json()
    assert answer["tracking_url"] == f"{SITE}{PREFIX}/downloads/requests/{answer['id']}/"
    document = client.get("/downloads/api/openapi.json").json()
    assert {path.partition("/downloads/")[0] for path in document["paths"]} == {PREFIX}
    placed = client.post("/downloads/order/", {"email": EMAIL, "language": "en", "resource": "dem"})
    assert placed["Location"].startswith(f"{PREFIX}/downloads/requests/")
    assert f"{PREFIX}/downloads/api/openapi.json" in client.get("/downloads/api/docs").content.decode()
    assert client.get("/downloads/health/live").status_code == 200


def test_so_do_the_mails(resource: Resource) -> None:
    delivered("dem")
    wish()
    resource.restricted = True
    resource.save()
    assert Notice.objects.count() > 2
    for notice in Notice.objects.all():
        mail = compose(notice)
        for text in (mail.text, mail.html):
            urls = IN_MAILS.findall(text)
            assert urls
            assert [url for url in urls if not url.startswith(f"{SITE}{PREFIX}/")] == [], notice.kind


@pytest.mark.parametrize("factory", [AsyncRequestFactory, RequestFactory])
def test_the_api_is_known_by_servers_of_both_kinds_behind_a_proxy_that_cuts_it_off(factory: Any) -> None:
    request = factory().get("/downloads/api/resources/")
    middleware = DatabaseUnavailableMiddleware(lambda _request: HttpResponse())
    answer = middleware.process_exception(request, OperationalError("away"))
    assert answer is not None
    assert answer["Content-Type"] == "application/problem+json"
