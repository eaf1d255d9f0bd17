"""A site with users of its own, a login for everybody, a prefix and an ASGI server, from order to package."""

import re
from collections.abc import Iterator

import httpx
import pytest

from downman_ops.launch.embedded_database import EmbeddedDatabase
from tests.acceptance.sites import own_users
from tests.acceptance.sites.made_site import MadeSite
from tests.acceptance.sites.own_users import MAILBOX, PASSWORD, PHONE, PREFIX

ADDRESS = re.compile(r'(?:href|src|action|data-api|data-page)="(/[^"]*)')
MAKE_PERSON = (
    "from people.models import Person; "
    f'person = Person(phone="{PHONE}", mailbox="{MAILBOX}"); person.set_password("{PASSWORD}"); person.save()'
)
LAST_ORDER = (
    'from downman.models import DownloadRequest; last = DownloadRequest.objects.order_by("-pk").first(); '
    "print(last.public_id, last.number, last.user and last.user.phone)"
)


@pytest.fixture(scope="module")
def site(
    howto_site: MadeSite, postgres: EmbeddedDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MadeSite]:
    """Return the site, with one person who has an account."""
    with MadeSite(
        tmp_path_factory.mktemp("own-users"),
        postgres,
        database="own_users",
        prefect=howto_site.prefect,
        settings=own_users.SETTINGS,
        files=own_users.FILES,
        serve=own_users.SERVE,
        prefix=PREFIX,
    ) as made:
        made.shell(MAKE_PERSON)
        yield made


@pytest.fixture
def stranger(site: MadeSite) -> Iterator[httpx.Client]:
    """Return a client without a login."""
    with httpx.Client(base_url=site.url, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def person(site: MadeSite) -> httpx.Client:
    """Return the client of the person, who has logged in."""
    login = site.http.get("/admin/login/")
    if login.is_success:
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', login.text)
        data = {"username": PHONE, "password": PASSWORD, "csrfmiddlewaretoken": token}
        assert site.http.post("/admin/login/", data=data).status_code == httpx.codes.FOUND
    return site.http


def test_strangers_are_sent_to_log_in_and_programs_told_401(site: MadeSite, stranger: httpx.Client) -> None:
    page = stranger.get("/downloads/order/?resource=numbers")
    assert page.status_code == httpx.codes.FOUND
    assert page.headers["Location"].startswith(f"{PREFIX}/admin/login/?next={PREFIX}/downloads/order/")
    for answer in (
        stranger.get("/downloads/api/resources/"),
        stranger.post("/downloads/api/requests/", json={"email": MAILBOX, "resources": [{"resource": "numbers"}]}),
    ):
        assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
        assert "log in" in answer.json()["detail"]
    for health in ("health/live", "health/ready"):
        assert stranger.get(f"/downloads/{health}").status_code == httpx.codes.OK


def test_the_order_of_a_page_is_its_visitors_and_becomes_a_package(
    site: MadeSite, person: httpx.Client, stranger: httpx.Client
) -> None:
    page = person.get("/downloads/order/?resource=numbers").text
    assert f'value="{MAILBOX}"' in page, "the address of who has logged in is proposed"
    addresses = ADDRESS.findall(page)
    assert any(address.startswith(f"{PREFIX}/static/") for address in addresses)
    assert [address for address in addresses if not address.startswith(f"{PREFIX}/")] == []
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page))
    data = {"resource": "numbers", "email": MAILBOX, "language": "en", "csrfmiddlewaretoken": token}
    placed = person.post("/downloads/order/", data=data)
    assert placed.status_code == httpx.codes.FOUND, placed.text
    public_id, number, phone = site.shell(LAST_ORDER).split(maxsplit=2)
    assert placed.headers["Location"] == f"{PREFIX}/downloads/requests/{public_id}/"
    assert phone == PHONE
    assert "manifest.json" in site.wait_for_package(public_id)
    # What the e-mail leads to opens without a login.
    mail = re.sub(r"=\n", "", site.wait_for_mail(f"{number}.zip"))
    assert site.url in mail
    assert [url for url in re.findall(r"http://127\.0\.0\.1:\d+/\S*", mail) if not url.startswith(site.url)] == []
    assert stranger.get(f"/downloads/requests/{public_id}/").status_code == httpx.codes.OK
    (link,) = stranger.get(f"/downloads/api/requests/{public_id}/").json()["links"]
    assert link["url"].startswith(f"{site.url}/downloads/links/")
    assert len(stranger.get(link["url"]).content) == link["size"]


def test_a_program_that_has_logged_in_orders_and_is_told_urls_with_the_prefix(
    site: MadeSite, person: httpx.Client
) -> None:
    order = site.order()
    assert site.look(order)["tracking_url"] == f"{site.url}/downloads/requests/{order}/"
    public_id, _number, phone = site.shell(LAST_ORDER).split(maxsplit=2)
    assert (public_id, phone) == (order, PHONE)
    document = person.get("/downloads/api/openapi.json").json()
    assert f"{PREFIX}/downloads/api/requests/" in document["paths"]
    assert site.wait_for_package(order)


def test_signals_are_sent_where_things_happen_and_receivers_that_raise_harm_nothing(
    site: MadeSite, person: httpx.Client
) -> None:
    order = site.order()
    site.wait_for_package(order)
    _public_id, number, _phone = site.shell(LAST_ORDER).split(maxsplit=2)

    def heard() -> list[list[str]]:
        lines = (site.folder / "heard").read_text().splitlines()
        return [line.split()[:2] for line in lines if line.endswith(number)]

    site.until(lambda: len(heard()) == 3)
    processes = {name: process for process, name in heard()}
    assert set(processes) == {"order_placed", "part_delivered", "order_ready"}
    assert processes["part_delivered"] == processes["order_ready"] != processes["order_placed"]


def test_administrators_act_under_their_own_names(site: MadeSite, person: httpx.Client) -> None:
    order = site.order()
    site.wait_for_package(order)
    pk = site.shell('from downman.models import DownloadRequest as D; print(D.objects.order_by("-pk").first().pk)')
    page = person.get(f"/admin/downloads/downloadrequest/{pk}/change/")
    assert page.status_code == httpx.codes.OK
    question = f"/admin/downloads/downloadrequest/{pk}/cancel/{pk}/"
    assert f"{PREFIX}{question}" in page.text
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', person.get(question).text))
    assert person.post(question, data={"csrfmiddlewaretoken": token}).status_code == httpx.codes.FOUND
    assert site.look(order)["status"] == "cancelled"
    actor = site.shell('from downman.models import RequestEvent as E; print(E.objects.order_by("-pk").first().actor)')
    assert actor == PHONE
