"""What people and programs are told while PostgreSQL cannot be reached."""

import json
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db(transaction=True)

API = "/downloads/api/"
UNKNOWN = "11111111-2222-3333-4444-555555555555"
#: Nothing listens there.
NOWHERE = {"HOST": "127.0.0.1", "PORT": "1"}


@pytest.fixture
def away(transactional_db: None) -> Iterator[None]:
    """Look for the database where there is none."""
    where = {name: connection.settings_dict[name] for name in NOWHERE}
    connection.close()
    connection.settings_dict.update(NOWHERE)
    yield
    connection.settings_dict.update(where)
    connection.close()


@pytest.mark.parametrize(
    "address", ["/", "/downloads/order/", f"/downloads/requests/{UNKNOWN}/", "/downloads/links/token/name.zip"]
)
@pytest.mark.parametrize(("language", "words"), [("en", "is temporarily unavailable"), ("es", "no está disponible")])
def test_a_page_says_that_it_comes_back(client: Client, away: None, address: str, language: str, words: str) -> None:
    page = client.get(address, headers={"Accept-Language": language})
    assert page.status_code == 503
    assert page["Retry-After"] == "10"
    assert page["Cache-Control"] == "no-store"
    assert words in page.content.decode()
    assert "127.0.0.1" not in page.content.decode()


@pytest.mark.parametrize("address", ["resources/", f"requests/{UNKNOWN}/", f"generic-requests/{UNKNOWN}/"])
def test_the_api_says_it_as_a_problem(client: Client, away: None, address: str) -> None:
    answer = client.get(API + address)
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert answer["Content-Type"] == "application/problem+json"
    assert "Ask again in a few seconds" in answer.json()["detail"]


def test_an_order_is_refused_the_same_way(client: Client, away: None) -> None:
    body = {"email": "ana@example.org", "resources": [{"resource": "dem"}]}
    answer = client.post(f"{API}requests/", json.dumps(body), content_type="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")


@pytest.fixture
def logged_in(client: Client, transactional_db: None) -> Client:
    """Return a browser whose session lies in the database."""
    client.force_login(User.objects.create_superuser("eva"))
    return client


@pytest.mark.parametrize("address", ["/admin/", "/downloads/order/"])
def test_who_has_logged_in_is_told_the_same(logged_in: Client, away: None, address: str) -> None:
    assert logged_in.get(address).status_code == 503


@pytest.mark.parametrize(("address", "kind"), [("/", "text/html"), (f"{API}resources/", "application/problem+json")])
def test_it_is_told_also_when_a_middleware_needs_the_database(
    logged_in: Client, away: None, settings: Settings, address: str, kind: str
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    browser = Client(raise_request_exception=False)
    browser.cookies = logged_in.cookies
    answer = browser.get(address)
    assert answer.status_code == 503
    assert answer["Content-Type"].startswith(kind)


def test_what_needs_no_database_goes_on(client: Client, away: None) -> None:
    assert client.get("/downloads/generic/").status_code == 200
    assert b"".join(client.get("/data/countries.csv"))
