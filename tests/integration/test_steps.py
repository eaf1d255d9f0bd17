"""One run from claim to record, with a real database, source, disk and zip; without Prefect."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from downman.domain.networks import AllowedNetwork
from downman.models import DownloadLink, DownloadRequest, Notice, PolicyRecord, Resource, ResourceLocator
from downman.services import cancelling
from downman.services.mails import compose
from downman.services.tracking import get_error_text
from downman.storage import FolderStorage
from downman_flows.runs.packaging_run import package_request
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.file_source import FileSource
from downman_flows.sources.http_source import HttpSource
from downman_flows.storage.staging import Staging
from downman_flows.wiring import Dependencies
from tests.bad_inputs.http import bare, empty
from tests.integration.orders import order
from tests.integration.packages import package_path
from tests.scripted_server import ScriptedServer
from tests.servers import DATA, Source

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Iterator[Source]:
    with Source() as running:
        yield running


@pytest.fixture
def dependencies(tmp_path: Path) -> Iterator[Dependencies]:
    http = HttpSource(
        allowed_networks=(AllowedNetwork.parse("127.0.0.1/32"),),
        limits=FetchLimits(backoff_seconds=0.01, max_bytes=10**9),
    )
    (tmp_path / "files").mkdir()
    yield Dependencies(
        sources={"http": http, "file": FileSource(roots=[tmp_path / "files"])},
        staging=Staging(tmp_path / "staging"),
        storage=FolderStorage(tmp_path / "packages"),
        parallel_fetches=4,
        parallel_fetches_per_host=3,
        staging_reserve_bytes=0,
        package_reserve_bytes=0,
    )
    http.close()


def offer(server: Source, *paths: str) -> list[str]:
    """Put these into the catalogue; give their ids."""
    made = [
        Resource.objects.create(id=f"r{number}", title=path[:100], source="http", url=server.url(path))
        for number, path in enumerate(paths)
    ]
    return [resource.pk for resource in made]


def states(request: DownloadRequest) -> list[tuple[str, str]]:
    return [(row.status, row.error_code) for row in request.locators.all()]


def opened(request: DownloadRequest) -> zipfile.ZipFile:
    link = DownloadLink.objects.get(request=request)
    return zipfile.ZipFile(io.BytesIO(package_path(link.target).read_bytes()))


def staged(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "staging").rglob("*"))


def test_every_kind_of_bad_part_is_left_out_with_its_reason_and_the_good_ones_come(
    server: Source, dependencies: Dependencies, tmp_path: Path
) -> None:
    PolicyRecord.objects.create(max_public_bytes=2_000_000)
    paths = {
        "plain/good.bin": ("delivered", ""),
        "status/404/x": ("failed", "source-missing"),
        "status/500/x": ("retrying", "source-unavailable"),
        "short/x": ("retrying", "transfer-interrupted"),
        "endless/x": ("failed", "source-too-large"),
        "bytes/2000001/x": ("awaiting_approval", ""),
        "wrongdigest/Content-MD5/x": ("failed", "source-corrupt"),
        "to/http%3A%2F%2F127.0.0.2%2Fx": ("failed", "address-refused"),
    }
    request = order(*offer(server, *paths))
    report = package_request(request.pk, owner="run-1", dependencies=dependencies)
    assert states(request) == list(paths.values())
    assert report.summary == "Partly ready: 1 of 8 resources delivered."
    with opened(request) as archive:
        assert archive.namelist() == ["good.bin", "manifest.json"]
        assert archive.read("good.bin") == DATA
        manifest = json.loads(archive.read("manifest.json"))
    assert {entry["code"] for entry in manifest["left_out"]} == {
        "source-missing", "source-unavailable", "transfer-interrupted", "source-too-large", "needs-approval",
        "source-corrupt", "address-refused",
    }  # fmt: skip
    assert staged(tmp_path) == []


def test_hostile_and_equal_names_stay_inside_the_package(
    server: Source, dependencies: Dependencies, tmp_path: Path
) -> None:
    names = ["..%2F..%2Fx.bin", "%2Fetc%2Fpasswd", "a%00b.bin", "CON.bin", "n" * 300 + ".bin", "same.bin", "SAME.bin",
             "manifest.json"]  # fmt: skip
    request = order(*offer(server, *(f"named/{name}" for name in names)))
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    assert {status for status, _ in states(request)} == {"delivered"}
    with opened(request) as archive:
        inside = archive.namelist()
        archive.extractall(tmp_path / "extracted")
    assert len(inside) == len(names) + 1
    assert len({name.casefold() for name in inside}) == len(inside)
    assert not any(set(name) & set("/\\\x00:") or name.startswith(".") for name in inside)
    assert sorted(path.name for path in (tmp_path / "extracted").iterdir()) == sorted(inside)


def test_nothing_that_can_be_delivered_is_a_failed_order_without_a_package(
    server: Source, dependencies: Dependencies, tmp_path: Path
) -> None:
    request = order(*offer(server, "status/404/x"))
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    request.refresh_from_db()
    assert request.status == "failed"
    assert not DownloadLink.objects.exists()
    assert list((tmp_path / "packages").rglob("*")) == []
    assert request.notices.filter(kind="failed").exists()


def test_a_second_run_brings_only_what_was_left(server: Source, dependencies: Dependencies) -> None:
    request = order(*offer(server, "plain/a.bin", "unwell/5/b.bin"))
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    assert [status for status, _ in states(request)] == ["delivered", "retrying"]
    assert package_request(request.pk, owner="early", dependencies=dependencies).rows == []
    ResourceLocator.objects.filter(status="retrying").update(retry_at=request.created_at)
    package_request(request.pk, owner="run-2", dependencies=dependencies)
    request.refresh_from_db()
    assert request.status == "ready"
    names = [link.name for link in request.links.all()]
    assert names == [f"downman-{request.number}-part-1.zip", f"downman-{request.number}-part-2.zip"]
    assert list(request.notices.values_list("kind", flat=True)) == ["received", "progress", "ready"]


def test_a_cancelled_request_stops_its_transfer_and_leaves_nothing(
    server: Source, dependencies: Dependencies, tmp_path: Path
) -> None:
    request = order(*offer(server, "slow/a.bin"))
    ended = threading.Event()

    def cancel_when_it_runs() -> None:
        try:
            while not ResourceLocator.objects.filter(bytes_done__gt=0).exists():
                assert not ended.wait(0.05)
            cancelling.cancel_request(request.pk, actor="requester")
        finally:
            connections.close_all()

    thread = threading.Thread(target=cancel_when_it_runs)
    thread.start()
    report = package_request(request.pk, owner="run-1", dependencies=dependencies)
    ended.set()
    thread.join()
    assert report.summary == "Cancelled: 0 of 1 resources delivered."
    assert staged(tmp_path) == []
    assert not DownloadLink.objects.exists()


def test_a_full_disk_makes_the_request_wait(server: Source, dependencies: Dependencies) -> None:
    request = order(*offer(server, "plain/a.bin"))
    package_request(request.pk, owner="run-1", dependencies=replace(dependencies, package_reserve_bytes=10**18))
    assert states(request) == [("waiting_for_space", "no-space")]
    ResourceLocator.objects.update(retry_at=request.created_at)
    package_request(request.pk, owner="run-2", dependencies=dependencies)
    assert states(request) == [("delivered", "")]


def test_a_defect_delays_the_request_and_is_not_hidden(
    server: Source, dependencies: Dependencies, settings: Any
) -> None:
    request = order(*offer(server, "plain/a.bin"))
    settings.DOWNLOADS_PACKAGE_DIR = Path("/proc/none")
    broken = replace(dependencies, storage=FolderStorage(Path("/proc/none")))
    with pytest.raises(OSError, match="/proc/none"):
        package_request(request.pk, owner="run-1", dependencies=broken)
    assert states(request) == [("retrying", "temporary")]


def test_many_small_parts_of_one_order(server: Source, dependencies: Dependencies) -> None:
    PolicyRecord.objects.create(cart_limit=200)
    request = order(*offer(server, *(f"plain/{number}.bin" for number in range(200))))
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    with opened(request) as archive:
        assert len(archive.namelist()) == 201


def test_what_nothing_proves_complete_is_said_in_manifest_page_api_and_mail(
    dependencies: Dependencies, client: Client
) -> None:
    with ScriptedServer(*(bare(DATA[:5000] + bytes([number])) for number in range(3))) as server:
        Resource.objects.create(id="timely", title="x", source="http", url=server.url())
        request = order("timely")
        package_request(request.pk, owner="run-1", dependencies=dependencies)
    with opened(request) as archive:
        (entry,) = json.loads(archive.read("manifest.json"))["files"]
    assert entry["completeness_proof"] == "unproven"
    words = "Nothing proves that it is complete"
    assert words in client.get(f"/downloads/requests/{request.public_id}/").content.decode()
    (part,) = client.get(f"/downloads/api/requests/{request.public_id}/").json()["resources"]
    assert (part["status"], part["unproven"]) == ("delivered", True)
    mail = compose(Notice.objects.get(request=request, kind="ready"))
    assert words in " ".join(mail.text.split())
    assert words in mail.html


def test_a_source_that_asks_to_wait_longer_than_we_try_is_asked_again_and_its_wish_is_said(
    dependencies: Dependencies,
) -> None:
    with ScriptedServer(empty("503 Service Unavailable", "Retry-After: 604800")) as server:
        Resource.objects.create(id="away", title="x", source="http", url=server.url())
        request = order("away")
        package_request(request.pk, owner="run-1", dependencies=dependencies)
    (part,) = request.locators.all()
    assert (part.status, part.error_code) == ("retrying", "source-asks-to-wait")
    assert part.retry_at is not None
    assert timedelta(hours=23) < part.retry_at - timezone.now() <= timedelta(days=1)
    assert "asks to wait 7 days" in get_error_text(part)
    with override("es"):
        assert "pide esperar 7 días" in get_error_text(part)
