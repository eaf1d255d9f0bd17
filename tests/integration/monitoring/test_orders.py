"""`downman requests|show|retry|cancel|resend`, typed."""

import os
import pty
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from downman.domain.status import RequestStatus
from downman.models import DownloadRequest, Notice, RequestEvent, Resource
from downman.services import leases, notices, outcome
from downman.services.tracking import tracking_url
from tests.integration.monitoring.console import BROKE, STATES, claimed, downman, order_in, packaged, retrying
from tests.integration.orders import EMAIL, order
from tests.integration.prefect_server import PrefectServer
from tests.integration.test_trigger import prefect
from tests.integration.worker.workers import until

__all__ = ["prefect"]

pytestmark = pytest.mark.django_db
ENDED = [status for status in RequestStatus if status in {"failed", "rejected", "cancelled", "expired"}]


@pytest.fixture(autouse=True)
def _catalogue(settings: Any, resource: Resource, roads: Resource) -> None:
    """Offer `dem` and `roads`; Prefect is away, if a test does not say where it is."""
    settings.DOWNLOADS_PREFECT_API_URL = "http://127.0.0.1:9/api"


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], object]]:
    """Sit somebody at a terminal, who types."""
    master, slave = pty.openpty()
    with os.fdopen(slave) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield lambda text: os.write(master, text.encode())
    os.close(master)


def listed(*words: Any) -> list[int]:
    """Return the ids of the orders of one page."""
    return [row["order"] for row in downman("orders", "--json", *words).json["orders"]]


def test_orders_are_listed_newest_first_page_by_page() -> None:
    requests = [order("dem") for _ in range(5)]
    made = [request.pk for request in requests]
    first = downman("orders", "--limit", 2)
    assert f"--before {requests[-2].number} gives the next page" in first.out
    assert listed("--limit", 2) == made[:2:-1]
    assert listed("--limit", 2, "--before", requests[-2].number) == made[2:0:-1]
    assert listed("--limit", 2, "--before", made[-2]) == made[2:0:-1]
    assert "next page" not in downman("orders", "--before", made[-2]).out


def test_orders_are_found_by_states_time_and_address() -> None:
    made = {status: order_in(status).pk for status in STATES}
    other = order("dem", email="eva@example.org").pk
    assert listed("--status", "failed") == [made[RequestStatus.FAILED]]
    both = [made[RequestStatus.CANCELLED], made[RequestStatus.FAILED]]
    assert listed("--status", "failed", "--status", "cancelled") == both
    assert listed("--status", "failed", "--status", "cancelled", "--limit", 1) == both[:1]
    assert listed("--email", "eva@example.org") == [other]
    assert listed("--email", "EVA") == []
    DownloadRequest.objects.filter(pk__lt=both[0]).update(created_at=timezone.now() - timedelta(days=2))
    assert listed("--since", (timezone.now() - timedelta(days=1)).isoformat())[-1] == both[0]


def test_the_list_says_how_the_parts_stand_and_not_whose_they_are() -> None:
    order_in(RequestStatus.READY_WITH_ERRORS)
    assert "1 delivered, 1 failed" in (said := downman("orders")).out
    assert EMAIL not in said.out
    assert downman("orders", "--json").json["orders"][0]["parts"] == {"delivered": 1, "failed": 1}


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--limit", "0"), "from 1 to 1000"),
        (("--limit", "1001"), "--before"),
        (("--since", "soon"), "like 2026-05-31"),
        (("--status", "gone"), "choose from"),
    ],
)
def test_what_cannot_be_understood_is_answered_with_what_to_write(words: tuple[str, ...], hint: str) -> None:
    with pytest.raises(CommandError, match=hint):
        call_command("downman", "orders", *words)


def test_an_order_is_meant_by_its_number_its_id_or_the_url_of_its_page() -> None:
    request = order("dem")
    admin = "https://portal.example.org/admin/downloads/downloadrequest/"
    urls = [
        tracking_url(request),
        f"{admin}{request.pk}/change/",
        f"{admin}?q={request.number}",
        f"/a/{request.number}/",
    ]
    for text in (request.number, request.number.lower().replace("-", ""), request.pk, *urls):
        said = downman("show", text)
        assert said.out.startswith(f"Order {request.number}\n"), said.err
    assert downman("cancel", request.number, "--yes").out == f"Cancelled: order {request.number}.\n"
    said = downman("show", "ZZZZ-ZZZZ")
    assert (said.status, said.err) == (1, "There is no order ZZZZ-ZZZZ. `downman orders` lists those that there are.\n")


@pytest.mark.parametrize("status", RequestStatus)
def test_an_order_in_each_state_is_shown_without_what_opens_it(status: RequestStatus) -> None:
    request = order_in(status)
    said = downman("show", request.pk)
    assert said.status == 0
    assert status.value in said.out
    assert EMAIL in said.out
    tokens = [link.token for link in request.links.all()]
    for secret in (str(request.public_id), *tokens):
        assert secret not in said.out
        assert secret not in downman("show", request.pk, "--json").out


def test_a_part_that_failed_says_why_in_english(settings: Any) -> None:
    settings.LANGUAGE_CODE = "es"
    request = retrying()
    part = downman("show", request.pk, "--json").json["parts"][0]
    assert part["error"].startswith("The data source broke off: 1 of 2 bytes arrived (reset).")
    assert (part["part"], part["status"], part["attempts"]) == (1, "retrying", 1)
    assert part["retry_at"] is not None


def test_history_and_mails_are_bounded_and_move_no_cursor() -> None:
    request = order("dem")
    RequestEvent.objects.bulk_create(
        RequestEvent(request=request, to_status="queued", reason=f"\x1b[2J{number}") for number in range(60)
    )
    said = downman("show", request.pk)
    assert "Only the newest 50 are shown." in said.out
    assert "\x1b" not in said.out
    shown = downman("show", request.pk, "--json").json
    assert len(shown["events"]) == 50
    assert shown["events"][0]["reason"].endswith("59")
    assert shown["mails"][0]["kind"] == "received"


def test_without_prefect_all_but_the_runs_are_shown() -> None:
    said = downman("show", order("dem").pk)
    assert (said.status, said.err) == (0, "")
    assert "Prefect's server does not answer (ConnectError)" in said.out


@pytest.mark.django_db(transaction=True)
def test_a_retry_is_a_new_run_that_prefect_has_at_once(prefect: PrefectServer) -> None:
    request = retrying()

    def runs() -> dict[str, str]:
        return {run["run"]: run["state"] for run in downman("show", request.pk, "--json").json["runs"]}

    until(lambda: f"package-request-{request.pk}-{request.number}-2" in runs())
    said = downman("retry", request.pk, "--as", "root")
    assert said.status == 0
    assert said.out.startswith(f"Order {request.number}: 2 parts to be tried now.")
    until(lambda: runs().get(f"package-request-{request.pk}-{request.number}-3") == "Scheduled")
    request.refresh_from_db()
    assert request.attempt == 3


def test_a_retry_lets_a_worker_take_the_parts_and_forgets_no_failure() -> None:
    request = retrying()
    assert leases.claim(request.pk, owner="early", free_bytes=10**15) is None
    assert downman("retry", request.pk, "--as", "root").status == 0
    event = request.events.latest("pk")
    assert (event.reason, event.actor, event.to_status) == ("tried again at once", "root", "queued")
    assert len(claimed(request).parts) == 2
    assert set(request.locators.values_list("attempts", "failures")) == {(2, 1)}


def test_parts_of_an_order_that_is_partly_ready_are_retried_too() -> None:
    request = order_in(RequestStatus.PARTLY_READY)
    assert "1 part to be tried now" in downman("retry", request.pk).out
    assert [part.position for part in claimed(request).parts] == [1]


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (RequestStatus.QUEUED, "`downman doctor`"),
        (RequestStatus.PACKAGING, "`downman show`"),
        (RequestStatus.AWAITING_APPROVAL, "admin pages"),
        (RequestStatus.READY, "nothing to try again"),
        *((status, "--again") for status in (*ENDED, RequestStatus.READY_WITH_ERRORS)),
    ],
)
def test_where_nothing_waits_a_retry_says_what_to_do(status: RequestStatus, hint: str) -> None:
    request = order_in(status)
    said = downman("retry", request.pk)
    assert (said.status, said.out) == (1, "")
    assert hint in said.err
    attempt = request.attempt
    request.refresh_from_db()
    assert (request.status, request.attempt) == (status, attempt)


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (RequestStatus.FAILED, 2),
        (RequestStatus.READY_WITH_ERRORS, 1),
        (RequestStatus.EXPIRED, 2),
        (RequestStatus.CANCELLED, 1),
    ],
)
def test_what_is_missing_is_ordered_again_for_the_same_person(status: RequestStatus, parts: int) -> None:
    old = order_in(status)
    assert f"what is missing of order {old.number}" in downman("retry", old.pk, "--again").out
    new = DownloadRequest.objects.latest("pk")
    assert (new.email, new.raw_order, new.locators.count()) == (EMAIL, {"again": old.pk}, parts)


def test_nothing_is_ordered_again_that_is_not_missing_or_not_offered() -> None:
    ready, queued, failed = (
        order_in(status) for status in (RequestStatus.READY, RequestStatus.QUEUED, RequestStatus.FAILED)
    )
    Resource.objects.update(offered=False)
    assert "Nothing is missing" in downman("retry", ready.pk, "--again").err
    assert "Omit --again" in downman("retry", queued.pk, "--again").err
    assert "The catalogue has no such resource." in downman("retry", failed.pk, "--again").err
    assert DownloadRequest.objects.count() == 3


@pytest.mark.parametrize("status", [status for status in RequestStatus if status not in ENDED])
def test_an_order_is_cancelled_by_name_and_its_person_told(status: RequestStatus) -> None:
    request = order_in(status)
    assert downman("cancel", request.pk, "--yes", "--as", "root").out == f"Cancelled: order {request.number}.\n"
    request.refresh_from_db()
    assert request.status == "cancelled"
    assert request.events.latest("pk").actor == "root"
    # Who has not confirmed the address may be a stranger.
    assert request.notices.filter(kind="cancelled").count() == (status != RequestStatus.UNVERIFIED)


@pytest.mark.parametrize("status", ENDED)
def test_an_order_that_is_over_is_not_cancelled(status: RequestStatus) -> None:
    request = order_in(status)
    said = downman("cancel", request.pk, "--yes")
    assert (said.status, said.err) == (1, f"This cannot be done any more: it is {status}.\n")


def test_a_part_is_cancelled_with_a_note() -> None:
    request = order("dem", "roads")
    said = downman("cancel", request.pk, "--part", 2, "--note", "Take the new roads.", "--yes")
    assert said.out == f"Cancelled: part 2 of order {request.number}. The order is queued.\n"
    assert list(request.locators.values_list("status", "decision_note")) == [
        ("queued", ""),
        ("cancelled", "Take the new roads."),
    ]


def test_a_link_is_ended() -> None:
    request = order_in(RequestStatus.READY)
    link = request.links.get()
    said = downman("cancel", request.pk, "--link", link.pk, "--yes")
    assert said.out == f"Link {link.pk} of order {request.number} was ended. The order is cancelled.\n"
    link.refresh_from_db()
    assert link.status == "cancelled_by_admin"


def test_what_is_not_of_the_order_is_not_touched() -> None:
    request, other = order("dem"), order_in(RequestStatus.READY)
    link, mail = other.links.get(), other.notices.first()
    assert mail is not None
    for words, hint in (
        (("cancel", request.pk, "--link", link.pk), "has no link"),
        (("cancel", request.pk, "--part", 0), "has no part 0"),
        (("cancel", request.pk, "--part", 2), "has no part 2"),
        (("cancel", request.pk, "--note", "why"), "name it with --part"),
        (("resend", request.pk, "--mail", mail.pk), "has no e-mail"),
        (("show", other.pk + 1), "There is no order"),
        (("cancel", other.pk + 1), "There is no order"),
    ):
        said = downman(*words, *(["--yes"] if words[0] != "show" else []))
        assert said.status == 1
        assert hint in said.err
    link.refresh_from_db()
    assert link.status == "active"


def test_nobody_to_ask_is_no_yes() -> None:
    request = order("dem")
    said = downman("cancel", request.pk)
    assert said.status == 1
    assert "--yes does it" in said.err
    request.refresh_from_db()
    assert request.status == "queued"


def test_only_yes_is_a_yes(answer: Callable[[str], object], capsys: Any) -> None:
    request = order("dem")
    for text, status in (("\n", 1), ("yes please\n", 1), ("y\n", 0)):
        answer(text)
        assert downman("cancel", request.pk).status == status
    asked = capsys.readouterr()
    assert f"Cancel order {request.number}?" in asked.err
    assert asked.out == ""


def test_mails_that_failed_are_tried_now() -> None:
    request = order("dem")
    assert "No e-mail of order" in downman("resend", request.pk).err
    notices.mark_failed(notices.claim_due(1)[0], "550 no such user", is_permanent=True)
    assert "1 e-mail to be sent" in downman("resend", request.pk).out
    notice = request.notices.get()
    assert notice.status == "retrying"
    assert notice.due_at <= timezone.now()


def test_mails_that_were_sent_go_out_once_more_when_asked_for() -> None:
    request = order_in(RequestStatus.READY)
    for notice in notices.claim_due(9):
        notices.mark_sent(notice)
    assert downman("resend", request.pk, "--all").status == 1
    for _ in range(2):
        assert "2 e-mails to be sent" in downman("resend", request.pk, "--all", "--yes").out
        for notice in notices.claim_due(9):
            notices.mark_sent(notice)
    assert request.notices.count() == 6
    only = request.notices.earliest("pk").pk
    assert "1 e-mail to be sent" in downman("resend", request.pk, "--mail", only).out
    assert Notice.objects.count() == 7


def test_nothing_goes_to_an_address_that_is_no_longer_the_orders() -> None:
    request = order("dem")
    notices.mark_sent(notices.claim_due(1)[0])
    DownloadRequest.objects.update(email="eva@example.org")
    assert downman("resend", request.pk, "--all", "--yes").status == 1


def test_a_retry_while_a_run_is_at_work_waits_for_its_end() -> None:
    request = order_in(RequestStatus.PARTLY_READY)
    packaged_again = order("dem", "roads")
    packaged(packaged_again, failures={0: BROKE, 1: BROKE})
    packaged_again.locators.filter(position=0).update(retry_at=timezone.now())
    claim = claimed(packaged_again)
    assert [part.position for part in claim.parts] == [0]
    assert downman("retry", packaged_again.pk).status == 0
    assert leases.claim(packaged_again.pk, owner="other", free_bytes=10**15) is None
    outcome.record(claim, links=[], failures={claim.parts[0].locator_id: BROKE}, sizes={})
    packaged_again.refresh_from_db()
    assert packaged_again.due_at is not None
    assert packaged_again.due_at <= timezone.now()
    assert request.status == RequestStatus.PARTLY_READY
