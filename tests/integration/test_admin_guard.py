"""Who may only look at the admin learns no secret there: not from a page, and not by asking with filters."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission, User
from django.db import models
from django.test import Client
from django.urls import reverse

from downman.models import DownloadRequest, PolicyRecord, Resource
from tests.integration.orders import delivered, order, wish

pytestmark = pytest.mark.django_db

KEY = "k3y-0f-the-s0urce"
#: What filters of Django's own add to the name of a field.
COMPARISONS = ("", "__exact", "__startswith", "__istartswith", "__contains", "__regex", "__gt", "__in", "__isnull")
OURS = [model for model in site._registry if model._meta.app_label == "downloads"]  # noqa: SLF001 - Django's name
#: What the lists offer to filter by, by the names of their models.
OFFERED = {
    "downloadrequest": {"stage", "status", "language", "created_at"},
    "genericrequest": {"status", "language", "created_at"},
    "resource": {"source", "restricted", "offered"},
    "policyrecord": set(),
}


@pytest.fixture
def viewer(db: None) -> Client:
    """Log somebody in who may look at everything, and change nothing."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def secrets(resource: Resource) -> list[str]:
    """Make a row of everything; give what opens something."""
    Resource.objects.update(url=f"https://portal:{KEY}-login@data.example.org/dem.tif?apikey={KEY}&year=2020#{KEY}")
    placed = delivered("dem")
    DownloadRequest.objects.filter(pk=placed.pk).update(raw_order={"note": "what-came-in"})
    asked = wish(map_view={"zoom": 3})
    PolicyRecord.objects.create(cart_limit=3)
    return [str(placed.public_id), placed.links.get().token, str(asked.public_id), KEY, "what-came-in"]


def _paths(model: type[models.Model], deeper: int = 2) -> Iterator[str]:
    """Return the names of all fields, also of those of related rows, forwards and backwards."""
    for field in model._meta.get_fields():  # noqa: SLF001 - Django's name for what all may use
        name = field.name
        yield name
        if deeper and field.is_relation and field.related_model:
            for path in _paths(field.related_model, deeper - 1):
                yield f"{name}__{path}"


def _pages(model: type[models.Model]) -> Iterator[str]:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"  # noqa: SLF001
    yield reverse(f"{name}_changelist")
    for row in model._default_manager.all():  # noqa: SLF001
        for page in ("change", "history", "delete"):
            yield reverse(f"{name}_{page}", args=[row.pk])


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_a_list_is_filtered_by_what_its_page_offers_and_by_nothing_else(model: type[models.Model], rf: Any) -> None:
    admin = site.get_model_admin(model)
    request = rf.get("/")
    names = [*_paths(model), "stage", "language", "pk"]
    assert len(names) > 5
    allowed = {
        f"{name}{comparison}"
        for name in names
        for comparison in COMPARISONS
        if admin.lookup_allowed(f"{name}{comparison}", "a", request)
    }
    offered = OFFERED[str(model._meta.model_name)]  # noqa: SLF001
    assert {name.partition("__")[0] for name in allowed} == offered
    assert not any(name.endswith(("with", "contains", "regex")) for name in allowed)
    # No row is named by a field that others do not see.
    assert [name for name in _paths(model, 0) if admin.to_field_allowed(request, name)] == [model._meta.pk.name]  # noqa: SLF001


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("downloadrequest", "public_id__startswith={secret}"),
        ("downloadrequest", "public_id={whole}"),
        ("downloadrequest", "links__token__startswith={secret}"),
        ("downloadrequest", "links__token__regex=^{secret}"),
        ("downloadrequest", "raw_order__note__startswith=what"),
        ("downloadrequest", "locators__link__token__gt={secret}"),
        ("downloadrequest", "locators__resource__url__contains=apikey"),
        ("downloadrequest", "user__password__startswith=pbkdf2"),
        ("downloadrequest", "notices__message_key__startswith=0"),
        ("genericrequest", "public_id__startswith={secret}"),
        ("genericrequest", "user__password__startswith=pbkdf2"),
        ("resource", "url__contains=apikey"),
        ("resource", "url__startswith=https"),
        ("resource", "locators__request__public_id__startswith={secret}"),
        ("policyrecord", "administrators__contains=a"),
    ],
)
def test_a_secret_cannot_be_read_letter_by_letter(viewer: Client, secrets: list[str], page: str, query: str) -> None:
    asked = query.format(secret=secrets[0][:3], whole=secrets[0])
    answer = viewer.get(f"/admin/downloads/{page}/?{asked}")
    assert answer.status_code == 400, answer.content[:500]


@pytest.mark.parametrize(
    "query", ["_to_field=public_id", "_to_field=public_id&_popup=1", "_to_field=lease_owner", "o=99", "o=-3.1&p=0"]
)
def test_no_way_round_tells_one(viewer: Client, secrets: list[str], query: str) -> None:
    answer = viewer.get(f"/admin/downloads/downloadrequest/?{query}")
    assert answer.status_code < 500
    assert not any(secret in answer.content.decode() for secret in secrets)


def test_other_rows_that_refer_to_ours_are_no_way_to_them(admin_client: Client, secrets: list[str]) -> None:
    for query in (f"downloadrequest__public_id__startswith={secrets[0][:3]}", "downloadrequest__raw_order__note=a"):
        assert admin_client.get(f"/admin/auth/user/?{query}").status_code == 400


def test_no_page_of_a_viewer_has_a_secret(viewer: Client, secrets: list[str]) -> None:
    pages = [page for model in OURS for page in _pages(model)]
    assert len(pages) >= 4 * 4
    shown = {page: viewer.get(page).content.decode() for page in pages}
    assert "https://data.example.org/dem.tif?apikey=***&amp;year=2020" in shown["/admin/downloads/resource/dem/change/"]
    found = [(page, secret) for page, text in shown.items() for secret in secrets if secret in text]
    assert found == []
    for query in ("?q=a", f"?q={secrets[0][:8]}", "?e=1", "?_facets=True"):
        for model in OURS:
            text = viewer.get(f"/admin/downloads/{model._meta.model_name}/{query}").content.decode()  # noqa: SLF001
            rest = text.replace(f'value="{secrets[0][:8]}"', "")
            assert not any(secret in rest for secret in secrets)


def test_a_part_of_a_secret_finds_nothing(viewer: Client, secrets: list[str]) -> None:
    for secret in secrets[:3]:
        for part in (secret[:8], secret[:-1]):
            for page in ("downloadrequest", "genericrequest"):
                listed = viewer.get(f"/admin/downloads/{page}/", {"q": part}).context["cl"]
                assert list(listed.result_list) == []


def test_those_who_may_change_an_order_see_what_came_in_and_not_what_opens_it(
    admin_client: Client, secrets: list[str]
) -> None:
    placed = DownloadRequest.objects.get()
    page = admin_client.get(f"/admin/downloads/downloadrequest/{placed.pk}/change/").content.decode()
    assert "what-came-in" in page
    assert not any(secret in page for secret in secrets[:3])
    # Who keeps the catalogue needs the whole URL.
    assert KEY in admin_client.get("/admin/downloads/resource/dem/change/").content.decode()


def test_django_finds_no_admin_class_without_the_guard() -> None:
    from downman.admin.guarded import GuardedAdmin  # noqa: PLC0415 - the app's admin is loaded by Django

    assert OURS
    assert [model for model in OURS if not isinstance(site.get_model_admin(model), GuardedAdmin)] == []


def test_a_view_of_the_map_that_is_nested_deeper_than_python_writes_is_no_defect(
    admin_client: Client, resource: Resource
) -> None:
    asked = wish()
    deep = json.loads('{"a":' * 900 + "1" + "}" * 900)
    type(asked).objects.filter(pk=asked.pk).update(map_view=deep)
    for page in ("", f"{asked.pk}/change/"):
        assert admin_client.get(f"/admin/downloads/genericrequest/{page}").status_code == 200


def test_filters_that_are_offered_work(viewer: Client, resource: Resource) -> None:
    request = order("dem")
    page = viewer.get("/admin/downloads/downloadrequest/").content.decode()
    offered = set(re.findall(r'href="(\?(?:stage|status|language|created_at)[^"]*)"', page))
    assert len(offered) > 10
    for query in offered:
        assert viewer.get(f"/admin/downloads/downloadrequest/{query.replace('&amp;', '&')}").status_code == 200, query
    listed = viewer.get("/admin/downloads/downloadrequest/?created_at__year=2000&status__exact=queued")
    assert list(listed.context["cl"].result_list) == []
    assert list(viewer.get("/admin/downloads/downloadrequest/?stage=active").context["cl"].result_list) == [request]
