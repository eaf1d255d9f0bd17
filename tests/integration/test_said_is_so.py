"""What pages, API and mails say of an order is so in each mixture of its parts' states."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from downman.domain.errors import IllegalTransition
from downman.domain.notices import NoticeKind
from downman.domain.status import RequestStatus
from downman.models import DownloadLink, DownloadRequest, Notice, Resource, ResourceLocator
from downman.services import cancelling, tracking
from downman.services.mails import Mail, compose
from tests.integration.orders import delivered, link_to, order

pytestmark = pytest.mark.django_db
#: What the database wants of a part in a state.
FACTS: dict[str, dict[str, Any]] = {
    "failed": {"error_code": "source-missing", "error_details": {"reason": "status 404"}},
    "retrying": {"retry_at": timezone.now() + timedelta(hours=1)},
    "awaiting_approval": {"approval": "pending"},
}
ON_ITS_WAY = "on its way"


def mixed(status: RequestStatus, *parts: dict[str, Any]) -> DownloadRequest:
    """Make an order in that state whose parts are so."""
    names = [f"r{number}" for number in range(len(parts))]
    for name in names:
        facts = {"title": f"Title of {name}", "source": "http", "url": "http://x.example/"}
        Resource.objects.get_or_create(id=name, defaults=facts)
    request = order(*names)
    for locator, facts in zip(request.locators.all(), parts, strict=True):
        ResourceLocator.objects.filter(pk=locator.pk).update(**{**FACTS.get(facts.get("status", ""), {}), **facts})
    DownloadRequest.objects.filter(pk=request.pk).update(status=status.value)
    request.refresh_from_db()
    return request


def page(client: Client, request: DownloadRequest) -> str:
    return " ".join(client.get(f"/downloads/requests/{request.public_id}/").content.decode().split())


def mail(request: DownloadRequest, kind: NoticeKind) -> Mail:
    notice = Notice(request=request, kind=kind, fact="x", recipient="a@b.example", language="en", due_at=timezone.now())
    notice.save()
    return compose(notice)


def deliver(request: DownloadRequest, position: int) -> None:
    """Put one part behind a link of its own."""
    parts = ResourceLocator.objects.filter(request=request, position=position)
    parts.update(status="delivered", link=link_to(request))


def api(client: Client, request: DownloadRequest) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/downloads/api/requests/{request.public_id}/").json()
    return found


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("fetching", "More is on its way"),
        ("queued", "More is on its way"),
        ("retrying", "is tried again automatically"),
        ("waiting_for_space", "waits until there is space"),
        ("awaiting_approval", "waits for an administrator&#x27;s approval"),
        ("on_hold", "has put some of it on hold"),
    ],
)
def test_of_an_order_that_is_partly_ready_only_what_moves_is_on_its_way(client: Client, rest: str, said: str) -> None:
    request = mixed(RequestStatus.PARTLY_READY, {}, {"status": rest}, {"status": "failed"})
    deliver(request, 0)
    found = page(client, request)
    assert said in found
    assert "Some of it cannot be delivered" in found
    assert (ON_ITS_WAY in found) == (rest in {"fetching", "queued"})
    # A bar is shown while something is fetched.
    assert ('data-progress="all"' in found) == (rest == "fetching")
    text = mail(request, NoticeKind.PROGRESS).text
    assert ("waits for an administrator" in text) == (rest in {"awaiting_approval", "on_hold"})
    assert ON_ITS_WAY not in text


def test_a_bar_is_shown_only_where_a_size_is_known(client: Client) -> None:
    unknown = mixed(RequestStatus.PACKAGING, {"status": "fetching", "bytes_done": 5})
    assert page(client, unknown).count('value="0" hidden') == 2
    known = {"status": "fetching", "bytes_done": 5, "bytes_total": 5}
    half = mixed(RequestStatus.PACKAGING, {"status": "fetching", "bytes_done": 5}, known)
    assert api(client, half)["progress"] == {"bytes_done": 10, "bytes_total": None, "percent": 99}
    assert page(client, half).count('value="0" hidden') == 1


def test_the_place_in_the_queue_counts_only_what_is_due_before(client: Client, resource: Resource) -> None:
    now = timezone.now()
    first, later, leased, undecided, done, mine = (order("dem") for _ in range(6))
    DownloadRequest.objects.filter(pk=later.pk).update(due_at=now + timedelta(hours=1))
    DownloadRequest.objects.filter(pk=leased.pk).update(lease_owner="run", lease_until=now + timedelta(hours=1))
    DownloadRequest.objects.filter(pk=undecided.pk).update(status="awaiting_approval", due_at=None)
    DownloadRequest.objects.filter(pk=done.pk).update(status="failed", due_at=None)
    assert api(client, mine)["queue_position"] == 1
    assert api(client, first)["queue_position"] == 0
    assert api(client, later)["queue_position"] is None
    assert "1 order is served before yours." in page(client, mine)


def test_what_has_ended_by_its_time_is_not_offered_to_be_cancelled(client: Client, resource: Resource) -> None:
    request = delivered("dem")
    DownloadLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert api(client, request)["status"] == "expired"
    assert api(client, request)["progress"]["percent"] == 100
    assert "Cancel the order" not in page(client, request)
    for path in ("cancel/", "resources/0/cancel/", "links/0/cancel/"):
        answer = client.post(f"/downloads/api/requests/{request.public_id}/{path}")
        assert (answer.status_code, answer.json()["detail"]) == (409, "This cannot be done any more: it is expired.")
    with pytest.raises(IllegalTransition):
        cancelling.cancel_request(request.pk, actor="an administrator")
    request.refresh_from_db()
    assert request.status == "ready"


def test_two_packages_say_which_holds_what(client: Client) -> None:
    request = mixed(RequestStatus.READY, {}, {})
    for position in (0, 1):
        deliver(request, position)
    assert [link["parts"] for link in api(client, request)["links"]] == [[0], [1]]
    found = page(client, request)
    assert "It holds: Title of r0" in found
    assert "It holds: Title of r1" in found
    sent = mail(request, NoticeKind.READY)
    assert "It holds: Title of r1" in sent.text
    assert "It holds: Title of r0" in sent.html


def test_a_cancelled_part_is_not_said_to_be_downloadable(client: Client) -> None:
    request = mixed(RequestStatus.READY, {}, {"status": "cancelled"})
    deliver(request, 0)
    assert "Everything that was not cancelled can be downloaded." in page(client, request)
    assert tracking.track(request).progress.percent == 100


def test_a_try_whose_time_has_come_is_not_said_to_be_at_a_time_that_is_over(client: Client) -> None:
    past = timezone.now() - timedelta(minutes=5)
    request = mixed(RequestStatus.PACKAGING, {"status": "fetching"}, {"status": "retrying", "retry_at": past})
    found = page(client, request)
    assert "It is tried again as soon as a worker is free." in found
    assert "Next try:" not in found
