"""One part whose source sends something else, or fails in a way that nobody foresaw: the others are delivered."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from downman.domain.policy import Delivery
from downman.domain.ports import FetchRequest, OrderParameter, Progress, RemoteFile, StagedFile
from downman.domain.request import OrderLine
from downman.models import PolicyRecord, Resource
from downman_flows.runs.packaging_run import package_request
from downman_flows.storage.hashing import compute_hashes
from downman_flows.wiring import Dependencies, get_dependencies
from tests.bad_inputs.content import PAGE, TIFF
from tests.integration.orders import order
from tests.integration.test_steps import opened, states
from tests.scripted_server import Reply, ScriptedServer

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = b"a,b\n1,2\n"


def stage(folder: Path, body: bytes = GOOD, **facts: Any) -> StagedFile:
    path = folder / "body"
    path.write_bytes(body)
    hashes = compute_hashes(path)
    file = StagedFile(path=path, name="a.csv", size=hashes.size, sha256=hashes.hex(), crc32=hashes.crc32, proof="own")
    return replace(file, **facts)


def _raise(exc: BaseException) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise exc

    return fail


#: What a source does, by the path of the URL; each is a defect, not one of our errors.
FETCHES: dict[str, Callable[[Path, Progress], Any]] = {
    "error": _raise(RuntimeError("a defect")),
    "exit": _raise(SystemExit(3)),
    "interrupt": _raise(KeyboardInterrupt()),
    "recursion": _raise(RecursionError()),
    "codec": lambda folder, _: [stage(folder, name=b"\xff".decode("idna"))],
    "none": lambda _folder, _progress: None,
    "no-file": lambda folder, _: [replace(stage(folder), path=folder / "gone")],
    "no-size": lambda folder, _: [stage(folder, size=1)],
    "no-number": lambda folder, progress: progress("many", None) or [stage(folder)],  # type: ignore[arg-type, func-returns-value]
}
#: What looks like a defect, and is cleaned: the part is delivered.
CLEANED: dict[str, Callable[[Path, Progress], Any]] = {
    "surrogate": lambda folder, _: [stage(folder, name="espa\udcf1a.csv")],
    "half": lambda folder, _: [stage(folder, name="half\ud800.csv")],
    "date": lambda folder, _: [stage(folder, modified_at=float("nan"))],
    "huge-date": lambda folder, _: [stage(folder, modified_at=1e30)],
    "negative": lambda folder, progress: progress(-5, -1) or [stage(folder)],  # type: ignore[func-returns-value]
}
#: What comes out only when it is zipped: while it is stored, or in the list of what was deflated.
DAMAGED: dict[str, Callable[[Path, Progress], Any]] = {
    "stored": lambda folder, _: [stage(folder, os.urandom(5000), name="a.bin", crc32=1)],
    "deflated": lambda folder, _: [stage(folder, GOOD * 5000, crc32=1)],
}
ACTS: dict[str, Callable[[Path, Progress], Any]] = {
    **FETCHES,
    **CLEANED,
    **DAMAGED,
    "good": lambda folder, _: [stage(folder)],
}


class OddSource:
    """Does what the URL says."""

    is_static: ClassVar[bool] = True
    link_delivery: ClassVar[Delivery] = Delivery.REDIRECT
    honours: ClassVar[frozenset[OrderParameter]] = frozenset()

    @classmethod
    def from_settings(cls, settings: Any) -> Self:  # noqa: ARG003 - it needs none
        """Make one."""
        return cls()

    def fetch(self, request: FetchRequest, folder: Path, progress: Progress) -> Sequence[StagedFile]:
        """Do it."""
        act = ACTS[request.url]
        found: Sequence[StagedFile] = act(folder, progress)
        return found

    def inspect(self, request: FetchRequest) -> Sequence[RemoteFile]:
        """Do it; what has a strange name is found."""
        if request.url in CLEANED:
            return [RemoteFile(name="espa\udcf1a\0.csv", url="odd://\ud800", size=3)]
        if request.url != "good":
            raise RuntimeError("a defect")
        return [RemoteFile(name="a.csv", url="odd://a.csv", size=3)]


@pytest.fixture
def dependencies(settings: Any) -> Iterator[Dependencies]:
    settings.DOWNLOADS_SOURCES = {"odd": f"{__name__}.OddSource"}
    settings.DOWNLOADS_PRIVATE_ADDRESSES = ["127.0.0.1/32"]
    get_dependencies.cache_clear()
    yield get_dependencies()
    get_dependencies.cache_clear()


def offer(*urls: str, source: str = "odd", formats: Sequence[str] = ()) -> list[str]:
    for url in urls:
        Resource.objects.create(
            id=f"r{Resource.objects.count()}", title=url, source=source, url=url, formats=list(formats)
        )
    return [resource.pk for resource in Resource.objects.order_by("id")]


@pytest.mark.parametrize("behaviour", ["ALL", "NEVER"])
def test_a_defect_of_one_part_is_told_as_that_and_the_others_are_delivered(
    dependencies: Dependencies, behaviour: str
) -> None:
    PolicyRecord.objects.create(behaviour=behaviour)
    request = order(*offer("good", *FETCHES))
    report = package_request(request.pk, owner="run-1", dependencies=dependencies)
    assert report is not None
    assert states(request) == [("delivered", ""), *[("retrying", "internal-fault")] * len(FETCHES)]
    if behaviour == "ALL":
        with opened(request) as archive:
            assert archive.namelist() == ["a.csv", "manifest.json"]
            left_out = json.loads(archive.read("manifest.json"))["left_out"]
        assert {part["code"] for part in left_out} == {"internal-fault"}


@pytest.mark.parametrize("behaviour", ["ALL", "NEVER"])
def test_strange_names_dates_and_numbers_are_cleaned(dependencies: Dependencies, behaviour: str) -> None:
    PolicyRecord.objects.create(behaviour=behaviour)
    request = order(*offer(*CLEANED))
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    assert states(request) == [("delivered", "")] * len(CLEANED)
    if behaviour == "ALL":
        with opened(request) as archive:
            assert {"españa.csv", "half_.csv"} < set(archive.namelist())
            assert archive.testzip() is None


def test_a_file_that_cannot_be_zipped_leaves_the_others_alone(dependencies: Dependencies) -> None:
    request = order(*offer("good", *DAMAGED, "surrogate"))
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    damaged = [("retrying", "transfer-interrupted")] * len(DAMAGED)
    assert states(request) == [("delivered", ""), *damaged, ("delivered", "")]
    with opened(request) as archive:
        assert sorted(archive.namelist()) == ["a.csv", "españa.csv", "manifest.json"]
        assert archive.testzip() is None


def reply(body: bytes, media_type: str) -> Reply:
    return Reply(headers=(f"Content-Length: {len(body)}", f"Content-Type: {media_type}"), body=body)


@pytest.mark.parametrize("body", [PAGE, b"", b'{"error": "no"}'])
def test_a_page_in_the_place_of_data_is_never_delivered_and_is_tried_again(
    dependencies: Dependencies, body: bytes
) -> None:
    with ScriptedServer(reply(body, "text/html")) as server:
        request = order(
            *offer("good"), *offer(f"http://127.0.0.1:{server.port}/dem.tif", source="http", formats=["GeoTIFF"])[1:]
        )
        package_request(request.pk, owner="run-1", dependencies=dependencies)
        assert len(server.asked) == 3
    assert states(request) == [("delivered", ""), ("retrying", "source-unavailable")]
    assert "GeoTIFF was promised" in request.locators.all()[1].error_details["reason"]
    with opened(request) as archive:
        assert archive.namelist() == ["a.csv", "manifest.json"]


def test_a_page_that_is_gone_a_moment_later_is_thrown_away_and_the_data_delivered(dependencies: Dependencies) -> None:
    moved = Reply(status="302 Found", headers=("Location: /maintenance", "Content-Length: 0"))
    with ScriptedServer(moved, reply(PAGE, "text/html"), reply(TIFF, "image/tiff")) as server:
        url = f"http://127.0.0.1:{server.port}/files/6294558"
        request = order(*offer(url, source="http", formats=["GeoTIFF"]))
        package_request(request.pk, owner="run-1", dependencies=dependencies)
        assert "range" not in server.asked[-1].headers
    assert states(request) == [("delivered", "")]
    with opened(request) as archive:
        assert archive.read("6294558.tif") == TIFF
        (file,) = json.loads(archive.read("manifest.json"))["files"]
    assert (file["completeness_proof"], file["content_proof"]) == ("content-length", "signature:tiff")


def test_the_manifest_says_what_was_applied_and_the_own_file_of_another_resource_is_not_delivered(
    dependencies: Dependencies, settings: Any, tmp_path: Path
) -> None:
    settings.DOWNLOADS_FILE_ROOTS = [tmp_path]
    get_dependencies.cache_clear()
    for name in ("survey.csv", "survey.csvt", "survey.prj", "survey.xlsx", "survey.backup.sql"):
        (tmp_path / name).write_bytes(GOOD)
    Resource.objects.create(
        id="secret", title="S", source="file", url=f"file://{tmp_path}/survey%2Eprj", restricted=True
    )
    Resource.objects.create(
        id="survey", title="S", source="file", url=f"file://{tmp_path}/survey.csv", formats=["CSV", "SHP"]
    )
    request = order(OrderLine(resource="survey"))
    # As it was stored before sources said what they honour.
    request.locators.update(format="SHP", bbox=[1, 2, 3, 4], crs="EPSG:4326")
    package_request(request.pk, owner="run-1", dependencies=get_dependencies())
    with opened(request) as archive:
        assert archive.namelist() == ["survey.csv", "survey.csvt", "manifest.json"]
        parameters = json.loads(archive.read("manifest.json"))["files"][0]["parameters"]
    assert parameters == {"format": None, "bbox": None, "crs": None, "bbox_applied": False}
