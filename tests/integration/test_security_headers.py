"""The headers of all that the app answers: in any site, on every route, and as a browser takes them."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, include, path, reverse
from pytest_django.live_server_helper import LiveServer
from selenium.webdriver import Chrome

from downman import urls
from downman.models import DownloadLink, DownloadRequest, Resource
from downman.security_headers import CSP
from downman_site.base import MIDDLEWARE
from tests.browsers import open_chromium
from tests.integration.orders import link_to, order, wish
from tests.integration.packages import package_path

OURS = "downman.middleware.SecurityHeadersMiddleware"
WITHOUT_OURS = [name for name in MIDDLEWARE if name != OURS]
STRICT = {"object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'", "script-src 'self'"}


def site_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<h1>A page of the site</h1>")


#: A site that has the app elsewhere, beside a page of its own.
urlpatterns = [
    path("datos/", include("downman.urls")),
    path("own/", site_page),
    path("i18n/", include("django.conf.urls.i18n")),
]


def routes(patterns: list[URLPattern | URLResolver], names: str = "downloads") -> Iterator[tuple[str, Any]]:
    """Walk through all routes; each with its name and the parts of its URL."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, f"{names}:{str(pattern.namespace).removeprefix(names + ':')}")
        else:
            yield f"{names}:{pattern.name}", pattern.pattern.converters


def link_to_package(request: DownloadRequest) -> DownloadLink:
    """Make a link that leads to a file."""
    made = link_to(request)
    path = package_path(made.target)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"data")
    return made


@pytest.fixture
def values(resource: Resource) -> dict[str, Any]:
    request = order("dem")
    return {
        "public_id": request.public_id,
        "position": 0,
        "token": link_to_package(request).token,
        "name": "data.zip",
    }


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("method", ["get", "post", "head"])
def test_every_route_answers_with_the_headers_in_a_site_that_sets_none(
    client: Client, values: dict[str, Any], settings: Any, *, method: str, known: bool
) -> None:
    settings.MIDDLEWARE, settings.ROOT_URLCONF = WITHOUT_OURS, __name__
    settings.SECURE_CROSS_ORIGIN_OPENER_POLICY = settings.SECURE_REFERRER_POLICY = None
    if not known:
        values |= {"public_id": uuid.uuid4(), "token": "unknown" * 6}
    walked = list(routes(urls.urlpatterns))
    assert len(walked) > 25
    for name, parts in walked:
        if name.endswith(":api-root"):
            continue
        answer = getattr(client, method)(reverse(name, kwargs={part: values[part] for part in parts}))
        if answer.streaming:
            b"".join(answer)
        assert answer.status_code < 500, name
        policy = set(answer[CSP].split("; "))
        if answer["Content-Type"].startswith("text/html"):
            assert policy >= STRICT, name
            assert "unsafe" not in answer[CSP], name
            assert answer["Referrer-Policy"] == "same-origin"
            assert answer["X-Frame-Options"] == "DENY"
            assert "geolocation=()" in answer["Permissions-Policy"]
            assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        else:
            assert policy >= {"default-src 'none'", "frame-ancestors 'none'"}, name
            assert answer["Referrer-Policy"] == "no-referrer", name
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        if answer.status_code != 405:
            assert "no-store" in answer["Cache-Control"], name


def test_files_are_downloads_and_nothing_else(client: Client, values: dict[str, Any]) -> None:
    answer = client.get(reverse("downloads:link", kwargs={part: values[part] for part in ("token", "name")}))
    assert b"".join(answer) == b"data"
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_other_pages_of_a_site_are_its_own_unless_it_wants_ours(db: None, settings: Any) -> None:
    settings.MIDDLEWARE, settings.ROOT_URLCONF = WITHOUT_OURS, __name__
    assert CSP not in Client().get("/own/").headers
    settings.MIDDLEWARE = [*WITHOUT_OURS, OURS]
    assert set(Client().get("/own/")[CSP].split("; ")) >= STRICT


def test_a_site_chooses_its_policy_or_sets_one_itself(client: Client, db: None, settings: Any) -> None:
    settings.MIDDLEWARE = WITHOUT_OURS
    with override_settings(DOWNLOADS_CONTENT_SECURITY_POLICY="default-src 'self' fonts.example.org"):
        assert client.get("/downloads/order/")[CSP] == "default-src 'self' fonts.example.org"
    with override_settings(DOWNLOADS_CONTENT_SECURITY_POLICY=""):
        assert CSP not in client.get("/downloads/order/").headers
        assert client.get("/downloads/order/")["X-Content-Type-Options"] == "nosniff"
        assert CSP in client.get("/downloads/api/resources/").headers


@pytest.mark.parametrize(
    ("static", "origin"),
    [("https://cdn.example.org/static/", "https://cdn.example.org"), ("//cdn.example.org/", "https://cdn.example.org")],
)
def test_static_files_may_be_on_another_host(client: Client, db: None, settings: Any, static: str, origin: str) -> None:
    settings.STATIC_URL = static
    policy = client.get("/downloads/order/")[CSP]
    assert f"script-src 'self' {origin};" in policy
    assert f"style-src 'self' {origin};" in policy


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=WITHOUT_OURS)
def test_the_page_of_the_api_has_what_it_needs_where_its_scripts_are_elsewhere(
    client: Client, db: None, settings: Any
) -> None:
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "ninja"]
    policy = client.get(reverse("downloads:api:openapi-view"))[CSP]
    assert "script-src 'self' https://cdn.jsdelivr.net https://django-ninja.dev 'unsafe-inline'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    folder = tmp_path_factory.mktemp("chromium")
    driver = open_chromium(folder / "profile", folder, "en")
    yield driver
    driver.quit()


def complaints(driver: Chrome) -> list[str]:
    """Return what the browser says of policies, and of loads that failed."""
    entries = driver.get_log("browser")  # type: ignore[no-untyped-call]
    # The browser asks for that itself where a page names none.
    entries = [entry for entry in entries if "/favicon.ico" not in entry["message"]]
    return [
        f"{driver.current_url}: {entry['message']}"
        for entry in entries
        if entry["level"] == "SEVERE" or "olicy" in entry["message"]
    ]


def test_a_browser_blocks_nothing_of_our_pages(
    transactional_db: None, live_server: LiveServer, resource: Resource, chromium: Chrome
) -> None:
    request = order("dem")
    asked = wish()
    made = link_to_package(request)
    seen = []
    for address in (
        "/",
        "/downloads/order/",
        "/downloads/order/?resource=dem",
        "/downloads/generic/",
        f"/downloads/requests/{request.public_id}/",
        f"/downloads/generic/{asked.public_id}/",
        "/downloads/links/unknown/",
        "/downloads/api/docs",
    ):
        chromium.get(live_server.url + address)
        seen += complaints(chromium)
    DownloadLink.objects.filter(pk=made.pk).update(status="expired")
    chromium.get(f"{live_server.url}/downloads/links/{made.token}/")
    seen += complaints(chromium)
    assert [one for one in seen if "status of 4" not in one] == []
    # It is the browser that holds to the policy: what is not allowed, is not done.
    chromium.get(f"{live_server.url}/downloads/order/")
    chromium.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.injected = 1'; document.body.append(s)"
    )
    assert chromium.execute_script("return window.injected === undefined")
    assert any("Content Security Policy" in one for one in complaints(chromium))


def test_a_browser_blocks_nothing_of_the_admin(
    transactional_db: None, live_server: LiveServer, resource: Resource, chromium: Chrome, client: Client
) -> None:
    request = order("dem")
    wish()
    link_to_package(request)
    client.force_login(User.objects.create_superuser("root"))
    chromium.get(f"{live_server.url}/admin/login/")
    chromium.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
    seen = []
    for model in admin.site._registry:  # noqa: SLF001 - it has no other list of them
        place = f"{model._meta.app_label}_{model._meta.model_name}"  # noqa: SLF001 - Django's documented interface
        listed = reverse(f"admin:{place}_changelist")
        first = model._default_manager.first()  # noqa: SLF001 - as above
        shown = [listed] + ([reverse(f"admin:{place}_change", args=[first.pk])] if first else [])
        if client.get(adding := reverse(f"admin:{place}_add")).status_code == 200:
            shown.append(adding)
        for address in ["/admin/", *shown]:
            chromium.get(live_server.url + address)
            assert "/login/" not in chromium.current_url
            seen += complaints(chromium)
    assert DownloadRequest.objects.exists()
    assert seen == []
