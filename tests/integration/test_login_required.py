"""A site that demands a login of everybody: people are sent to log in, programs are told 401, secrets go on to open."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from downman.models import DownloadRequest, GenericRequest, Resource
from tests.integration.orders import EMAIL, delivered, order, wish
from tests.integration.packages import package_path

pytestmark = pytest.mark.django_db

ORDER = {"email": EMAIL, "language": "en", "resources": [{"resource": "dem"}]}
WISH = {"email": EMAIL, "description": "Soil maps"}
#: What is answered without a login, by the names of the URLs: health and metrics have rules of their own, the API
#: answers programs itself, and a secret in the URL opens the rest.
WITHOUT_LOGIN = {
    "tracking",
    "cancel",
    "cancel-resource",
    "extend",
    "correct-email",
    "send-confirmation",
    "confirm",
    "generic-tracking",
    "generic-cancel",
    "generic-send-confirmation",
    "link",
    "link-short",
    "health-live",
    "health-ready",
    "metrics",
}


class OwnMiddleware(LoginRequiredMiddleware):
    """What a site may make of Django's."""


@pytest.fixture(autouse=True)
def _demanded(settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    settings.LOGIN_URL = "/admin/login/"


@pytest.fixture
def user() -> Any:
    return get_user_model().objects.create_user("ana", email=EMAIL)


def test_people_are_sent_to_log_in_before_they_order(client: Client, resource: Resource, user: Any) -> None:
    for path in ("order/?resource=dem", "generic/", "api/docs"):
        answer = client.get(f"/downloads/{path}")
        assert answer.status_code == 302, path
        assert answer["Location"].startswith("/admin/login/?next=/downloads/")
    client.force_login(user)
    placed = client.post("/downloads/order/", {"email": EMAIL, "language": "en", "resource": "dem"})
    assert (placed.status_code, DownloadRequest.objects.get().user) == (302, user)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("get", "resources/", None),
        ("post", "requests/", ORDER),
        ("post", "generic-requests/", WISH),
        ("post", "requests/{id}/again/", None),
        ("get", "openapi.json", None),
    ],
)
def test_programs_are_told_401_with_what_to_do(
    client: Client, resource: Resource, user: Any, method: str, path: str, body: Any
) -> None:
    placed = delivered("dem")
    cancelled = client.post(f"/downloads/api/requests/{placed.public_id}/cancel/")
    assert cancelled.status_code == 200
    url = f"/downloads/api/{path.format(id=placed.public_id)}"

    def ask() -> Any:
        return getattr(client, method)(url, data=body, content_type="application/json")

    answer = ask()
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"] == 'Cookie cookie-name="sessionid"'
    assert answer.json()["detail"].startswith("This site asks everybody to log in.")
    assert (DownloadRequest.objects.count(), GenericRequest.objects.count()) == (1, 0)
    client.force_login(user)
    assert ask().status_code in {200, 201}
    for model in (DownloadRequest, GenericRequest):
        assert {row.user for row in model.objects.exclude(pk=placed.pk)} <= {user}, "the visitor is recognised"


def test_what_a_secret_opens_needs_no_login(client: Client, resource: Resource) -> None:
    placed, asked = delivered("dem"), wish()
    link = placed.links.get()
    path = package_path(link.target)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"data")
    secret_urls = [
        f"/downloads/requests/{placed.public_id}/",
        f"/downloads/generic/{asked.public_id}/",
        f"/downloads/links/{link.token}/{link.name}",
        f"/downloads/api/requests/{placed.public_id}/",
        f"/downloads/api/generic-requests/{asked.public_id}/",
    ]
    for url in secret_urls:
        answer: Any = client.get(url)
        assert answer.status_code == 200, url
        assert not answer.streaming or answer.getvalue() == b"data"
    assert client.post(f"/downloads/requests/{placed.public_id}/cancel/").status_code == 302
    placed.refresh_from_db()
    assert placed.status == "cancelled"


def test_a_site_may_demand_both_the_secret_and_a_login(
    client: Client, resource: Resource, settings: Any, user: Any
) -> None:
    settings.DOWNLOADS_SECRET_URLS_REQUIRE_LOGIN = True
    placed = delivered("dem")
    link, page = placed.links.get(), f"/downloads/requests/{placed.public_id}/"
    for url in (page, f"/downloads/links/{link.token}/{link.name}"):
        assert client.get(url)["Location"] == f"/admin/login/?next={url}"
    assert client.post(f"{page}cancel/").status_code == 302
    assert client.get(f"/downloads/api/requests/{placed.public_id}/").status_code == 401
    placed.refresh_from_db()
    assert placed.status == "ready"
    client.force_login(user)
    assert client.get(page).status_code == 200


def test_ordering_again_from_an_open_page_needs_a_login(client: Client, resource: Resource) -> None:
    placed = order("dem")
    client.post(f"/downloads/requests/{placed.public_id}/cancel/")
    answer = client.post(f"/downloads/requests/{placed.public_id}/again/")
    assert answer["Location"].startswith("/admin/login/")
    assert DownloadRequest.objects.count() == 1


def test_health_and_metrics_are_reached_without_a_login(client: Client) -> None:
    assert client.get("/downloads/health/live").status_code == 200
    assert client.get("/downloads/metrics").status_code == 200
    # Prefect is away in this test, which health says; nobody is sent elsewhere.
    assert client.get("/downloads/health/ready").status_code in {200, 503}


def test_a_middleware_of_the_site_that_is_one_of_djangos_counts(client: Client, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:-1], f"{__name__}.OwnMiddleware"]
    assert client.get("/downloads/api/resources/").status_code == 401
    settings.MIDDLEWARE = settings.MIDDLEWARE[:-1]
    assert client.get("/downloads/api/resources/").status_code == 200


def test_nothing_else_is_open() -> None:
    def patterns(within: Any) -> Any:
        for pattern in within:
            if isinstance(pattern, URLResolver):
                yield from patterns(pattern.url_patterns)
            elif isinstance(pattern, URLPattern):
                yield pattern

    (app,) = [item for item in get_resolver().url_patterns if str(item.pattern) == "downloads/"]
    assert isinstance(app, URLResolver)
    (api,) = [item for item in app.url_patterns if isinstance(item, URLResolver)]
    ours = [item for item in app.url_patterns if isinstance(item, URLPattern)]
    assert {item.name for item in ours if not getattr(item.callback, "login_required", True)} == WITHOUT_LOGIN
    closed = {item.name for item in patterns(api.url_patterns) if getattr(item.callback, "login_required", True)}
    assert closed == {"openapi-view"}
