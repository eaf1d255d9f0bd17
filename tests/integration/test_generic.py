"""Generic requests as people see them: the form, the page on which one is followed, and the ways there."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from downman.domain.status import GenericStatus
from downman.models import GenericRequest, Notice, Resource
from downman.services import generic
from tests.integration.orders import EMAIL, wish

pytestmark = pytest.mark.django_db

FORM = "/downloads/generic/"
FILLED_IN = {"description": "Soil maps\nof Jaén", "usage": "", "organisation": "UJA", "email": EMAIL, "language": "es"}


def page_of(stored: GenericRequest) -> str:
    return f"{FORM}{stored.public_id}/"


def test_a_wish_is_sent_and_its_page_opens(client: Client) -> None:
    answer = client.post(FORM, FILLED_IN)
    stored = GenericRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page_of(stored))
    assert (stored.email, stored.language, stored.organisation, stored.user) == (EMAIL, "es", "UJA", None)
    assert Notice.objects.get().kind == "generic_received"


def test_the_form_knows_who_has_logged_in(client: Client) -> None:
    user = User.objects.create_user("ana", email=EMAIL)
    client.force_login(user)
    assert f'value="{EMAIL}"' in client.get(FORM).content.decode()
    client.post(FORM, FILLED_IN)
    assert GenericRequest.objects.get().user == user


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"description": " "}, "description", "Describe what you need."),
        ({"description": "x" * 5001}, "description", "at most 5000"),
        ({"usage": "a\0b"}, "usage", "Null characters"),
        ({"email": "nobody"}, "email", "not an e-mail address"),
        ({"language": "xx"}, "language", "valid choice"),
    ],
)
def test_what_is_wrong_stands_at_its_field(client: Client, changes: dict[str, str], field: str, words: str) -> None:
    page = client.post(FORM, {**FILLED_IN, **changes})
    assert page.status_code == 422
    assert words in page.context["form"].errors[field][0]
    assert f'id="id_{field}_error"' in page.content.decode()
    assert not GenericRequest.objects.exists()


def test_its_page_tells_how_it_stands(client: Client) -> None:
    stored = wish(usage="A thesis")
    page = client.get(page_of(stored))
    text = page.content.decode()
    for words in ("Waiting for an answer", "Soil maps of &lt;Jaén&gt; &amp; around", "A thesis", "Cancel the request"):
        assert words in text
    assert "no-store" in page["Cache-Control"]
    assert "noindex" in page["X-Robots-Tag"]

    generic.decide(stored.pk, GenericStatus.COMPLETED, actor="eva", answer="Look at <https://example.org>")
    text = client.get(page_of(stored)).content.decode()
    assert "Look at &lt;https://example.org&gt;" in text
    assert "Cancel the request" not in text


def test_it_is_cancelled_once(client: Client) -> None:
    stored = wish()
    assert client.post(f"{page_of(stored)}cancel/")["Location"] == page_of(stored)
    assert "This request was cancelled" in client.get(page_of(stored)).content.decode()
    late = client.post(f"{page_of(stored)}cancel/")
    assert late.status_code == 409
    assert b"nothing left to cancel" in late.content


def test_sending_and_cancelling_need_the_page_and_a_post() -> None:
    stored = wish()
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(FORM, FILLED_IN).status_code == 403
    assert strict.post(f"{page_of(stored)}cancel/").status_code == 403
    assert strict.get(f"{page_of(stored)}cancel/").status_code == 405


def test_an_unknown_one_gets_a_friendly_page(client: Client) -> None:
    for page in (
        client.get(f"{FORM}11111111-2222-3333-4444-555555555555/"),
        client.post(f"{FORM}11111111-2222-3333-4444-555555555555/cancel/"),
    ):
        assert page.status_code == 404
        assert b"no such request" in page.content


@pytest.mark.parametrize("address", ["/", "/downloads/order/", "/downloads/order/?resource=dem"])
def test_who_does_not_find_what_they_need_finds_the_form(client: Client, resource: Resource, address: str) -> None:
    assert f'href="{FORM}"' in client.get(address).content.decode()


def test_the_pages_speak_spanish(client: Client) -> None:
    spanish = {"Accept-Language": "es"}
    assert "¿Qué necesita?" in client.get(FORM, headers=spanish).content.decode()
    assert "A la espera de respuesta" in client.get(page_of(wish()), headers=spanish).content.decode()
