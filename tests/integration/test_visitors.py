"""Visitors and administrators of a site whose users are like nobody else's."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from downman.models import RequestEvent, Resource
from downman.services import cancelling
from downman.services.transitions import LONGEST_ACTOR, administrator
from downman.visitors import get_email, get_visitor
from tests.integration.orders import EMAIL, order


@pytest.mark.parametrize(
    ("user", "email"),
    [
        (SimpleNamespace(EMAIL_FIELD="mailbox", mailbox=EMAIL, email="other@example.org"), EMAIL),
        (SimpleNamespace(email=EMAIL), EMAIL),
        (SimpleNamespace(EMAIL_FIELD=None, email=EMAIL), EMAIL),
        (SimpleNamespace(email=None), ""),
        (SimpleNamespace(), ""),
    ],
)
def test_the_email_address_is_where_the_model_says(user: Any, email: str) -> None:
    assert get_email(user) == email


def test_only_users_of_the_site_are_visitors() -> None:
    request = RequestFactory().get("/")
    assert get_visitor(request) is None, "a site without users"
    person = User(username="ana")
    for user, visitor in (
        (person, person),
        (SimpleLazyObject(lambda: person), person),
        (AnonymousUser(), None),
        # What a middleware for tokens may put there: no row of the site's database.
        (SimpleNamespace(is_authenticated=True), None),
    ):
        request.user = user  # type: ignore[assignment]
        assert get_visitor(request) == visitor


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["a" * 400, UUID(int=1), 7])
def test_any_name_of_an_administrator_is_recorded(resource: Resource, name: object) -> None:
    placed = order("dem")
    cancelling.cancel_request(placed.pk, actor=administrator(name))
    event = RequestEvent.objects.filter(request=placed).latest("pk")
    assert event.actor == str(name)[:LONGEST_ACTOR]
