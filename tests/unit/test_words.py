import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils.translation import override

from downman.domain.status import Approval, GenericStatus, LinkStatus, LocatorStatus, RequestStatus
from downman.services.tracking import Progress, TrackedLink, TrackedRequest, TrackedResource
from downman.templatetags import downman_display as words


def resource(
    status: LocatorStatus = LocatorStatus.QUEUED,
    *,
    approval: Approval = Approval.NOT_REQUIRED,
    downloadable: bool = False,
    missing: bool = False,
) -> TrackedResource:
    return TrackedResource(
        position=0, resource="dem", title="Elevation", format="", status=status, approval=approval, error="",
        note="", attempts=0, retry_at=None, bytes_done=0, bytes_total=None, downloadable=downloadable, missing=missing,
        can_cancel=False, unproven=False,
    )  # fmt: skip


def link(*, days: int = 1, status: LinkStatus = LinkStatus.ACTIVE) -> TrackedLink:
    ends = datetime.now(tz=UTC) + timedelta(days=days)
    return TrackedLink(packaged=True, url="http://x/", name="a.zip", size=1, sha256="", expires_at=ends, status=status)


def order(
    status: RequestStatus,
    *resources: TrackedResource,
    links: tuple[TrackedLink, ...] = (),
    queue_position: int | None = None,
) -> TrackedRequest:
    return TrackedRequest(
        id=uuid.uuid4(), number="2FFF-043D", status=status, created_at=datetime.now(tz=UTC),
        email="ana@example.org", new_email="", mail_failed=False, resources=list(resources),
        progress=Progress(bytes_done=0, bytes_total=None, percent=0), queue_position=queue_position,
        links=list(links), tracking_url="", can_extend=False,
        can_order_again=any(row.missing for row in resources), extended_end=None,
    )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("status", list(RequestStatus))
def test_every_state_of_an_order_has_words(status: RequestStatus, language: str) -> None:
    with override(language):
        told = order(status, resource(), links=(link(),))
        assert words.heading(told)
        assert words.explanation(told).endswith(".")
        assert status.value in words.STATUS_STYLES


@pytest.mark.parametrize("status", list(LocatorStatus))
def test_every_state_of_a_resource_has_a_word(status: LocatorStatus) -> None:
    assert words.part_state(resource(status))


def test_a_rejected_resource_is_not_called_cancelled() -> None:
    assert words.part_state(resource(LocatorStatus.CANCELLED, approval=Approval.REJECTED)) == "Not approved"


def test_an_order_that_waits_for_a_source_does_not_say_that_it_waits_its_turn() -> None:
    told = order(RequestStatus.QUEUED, resource(LocatorStatus.RETRYING), queue_position=3)
    assert words.heading(told) == "Waiting to try again"
    assert not words.waits_its_turn(told)
    assert words.waits_its_turn(order(RequestStatus.QUEUED, resource(), queue_position=0))


def test_an_order_that_waits_for_disk_space_says_so() -> None:
    told = order(RequestStatus.QUEUED, resource(LocatorStatus.WAITING_FOR_SPACE))
    assert "disk" in words.explanation(told)


@pytest.mark.parametrize("status", [RequestStatus.READY, RequestStatus.READY_WITH_ERRORS])
def test_an_order_whose_links_are_over_is_shown_as_expired_before_the_cleaning_comes_by(status: RequestStatus) -> None:
    part = resource(LocatorStatus.DELIVERED)
    assert words.shown_status(order(status, part, links=(link(days=-1),))) == RequestStatus.EXPIRED
    assert words.shown_status(order(status, part, links=(link(days=-1), link()))) == status


def test_an_order_can_be_placed_again_when_something_of_it_is_missing() -> None:
    good = resource(LocatorStatus.DELIVERED, downloadable=True)
    bad = resource(LocatorStatus.FAILED, missing=True)
    assert order(RequestStatus.READY_WITH_ERRORS, good, bad, links=(link(),)).can_order_again
    assert not order(RequestStatus.READY, good, links=(link(),)).can_order_again


def test_what_is_stopped_by_an_administrator_does_not_wait_for_a_decision() -> None:
    held = resource(LocatorStatus.ON_HOLD, approval=Approval.ACCEPTED)
    undecided = resource(LocatorStatus.AWAITING_APPROVAL, approval=Approval.PENDING)
    assert [words.part_state(row) for row in (held, undecided)] == ["On hold", "Waiting for approval"]
    assert words.heading(order(RequestStatus.AWAITING_APPROVAL, held)) == "On hold"
    assert "has put your order on hold" in words.explanation(order(RequestStatus.AWAITING_APPROVAL, held))
    assert words.heading(order(RequestStatus.AWAITING_APPROVAL, held, undecided)) == "Waiting for approval"


def test_a_resource_whose_link_has_ended_is_not_called_ready() -> None:
    ended, good = resource(LocatorStatus.DELIVERED), resource(LocatorStatus.DELIVERED, downloadable=True)
    assert [words.part_state(row) for row in (ended, good)] == ["Expired", "Ready"]
    assert [words.part_style(row) for row in (ended, good)] == ["over", "good"]


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("status", list(GenericStatus))
def test_every_state_of_a_generic_request_has_words(status: GenericStatus, language: str) -> None:
    with override(language):
        assert words.generic_heading(status.value)
        assert words.generic_explanation(status.value).endswith(".")


@pytest.mark.parametrize(
    ("size", "english", "spanish"),
    [
        (None, "", ""),
        (0, "0 B", "0 B"),
        (999, "999 B", "999 B"),
        (1000, "1.0 kB", "1,0 kB"),
        (12_345, "12.3 kB", "12,3 kB"),
        (555_341, "555 kB", "555 kB"),
        (134_000_000, "134 MB", "134 MB"),
        (1_500_000_000_000_000, "1500 TB", "1500 TB"),
    ],
)
def test_sizes_are_written_as_people_of_a_language_do(size: int | None, english: str, spanish: str) -> None:
    with override("en"):
        assert words.size_in_words(size).replace("\N{NO-BREAK SPACE}", " ") == english
    with override("es"):
        assert words.size_in_words(size).replace("\N{NO-BREAK SPACE}", " ") == spanish
