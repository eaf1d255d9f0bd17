"""A site's own source: named in a setting, offered by the catalogue, ordered and delivered, without a migration."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
from django.contrib.admin.sites import site as admin_site
from django.core.management import call_command
from django.test import RequestFactory

from downman import sources
from downman.checks import check_settings
from downman.domain.policy import Delivery
from downman.domain.ports import FetchRequest, OrderParameter, Progress, RemoteFile, StagedFile
from downman.domain.request import OrderLine
from downman.models import PolicyRecord, Resource
from downman.services.catalogue import CatalogueError, import_catalogue
from downman_flows.runs.packaging_run import package_request
from downman_flows.storage.hashing import compute_hashes
from downman_flows.wiring import Dependencies, get_dependencies
from tests.integration.orders import order
from tests.integration.test_steps import opened, states

pytestmark = pytest.mark.django_db(transaction=True)


class EchoSource:
    """Makes a file that says what was asked for."""

    is_static: ClassVar[bool] = False
    link_delivery: ClassVar[Delivery] = Delivery.REDIRECT
    honours: ClassVar[frozenset[OrderParameter]] = frozenset({OrderParameter.BBOX})

    @classmethod
    def from_settings(cls, settings: Any) -> Self:  # noqa: ARG003 - it needs none
        """Make one; it needs no setting."""
        return cls()

    def fetch(self, request: FetchRequest, folder: Path, progress: Progress) -> Sequence[StagedFile]:
        """Write the file."""
        path = folder / "echo"
        path.write_text(f"{request.url} {request.bbox}")
        hashes = compute_hashes(path)
        progress(hashes.size, hashes.size)
        return [
            StagedFile(
                path=path, name="echo.txt", size=hashes.size, sha256=hashes.hex(), crc32=hashes.crc32, proof="own"
            )
        ]

    def inspect(self, request: FetchRequest) -> Sequence[RemoteFile]:
        """Name the file."""
        return [RemoteFile(name="echo.txt", url=request.url, size=None)]


class NoSource:
    """Declares nothing."""


ENTRY = {"id": "echo-1", "title": "Echo", "source": "echo", "url": "echo://here"}


@pytest.fixture
def dependencies(settings: Any) -> Iterator[Dependencies]:
    settings.DOWNLOADS_SOURCES = {"echo": f"{__name__}.EchoSource"}
    get_dependencies.cache_clear()
    yield get_dependencies()
    get_dependencies.cache_clear()


@pytest.mark.parametrize(("behaviour", "delivery"), [("DYNAMIC", "package"), ("NEVER", "redirect")])
def test_a_resource_of_it_is_imported_ordered_and_delivered(
    dependencies: Dependencies, behaviour: str, delivery: str
) -> None:
    PolicyRecord.objects.create(behaviour=behaviour)
    assert import_catalogue(json.dumps([ENTRY])) == 1
    request = order(OrderLine(resource="echo-1", bbox=(1.0, 2.0, 3.0, 4.0)))
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    assert states(request) == [("delivered", "")]
    link = request.links.get()
    assert link.delivery == delivery
    if delivery == "package":
        with opened(request) as archive:
            assert archive.read("echo.txt") == b"echo://here (1.0, 2.0, 3.0, 4.0)"
            (file,) = json.loads(archive.read("manifest.json"))["files"]
        assert (file["source"], file["parameters"]["bbox_applied"], file["source_url"]) == ("echo", True, None)
    else:
        assert link.target == "echo://here"
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_the_admin_offers_it(dependencies: Dependencies) -> None:
    form = admin_site.get_model_admin(Resource).get_form(RequestFactory().get("/"))
    widget: Any = form.base_fields["source"].widget
    assert [name for name, _ in widget.choices] == ["", "http", "file", "echo"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"{__name__}.NoSource", "it has no is_static, link_delivery, honours, from_settings, fetch, inspect"),
        ("no_such_package.Source", "No module named 'no_such_package'"),
    ],
)
def test_a_source_that_cannot_be_loaded_is_an_error_of_the_settings_and_nothing_of_it_is_imported(
    settings: Any, path: str, words: str
) -> None:
    settings.DOWNLOADS_SOURCES = {"echo": path}
    (error,) = [found for found in check_settings() if found.id == "downloads.E027"]
    assert words in error.msg
    with pytest.raises(CatalogueError, match="The source 'echo' cannot be loaded"):
        import_catalogue(json.dumps([ENTRY]))


def test_an_unknown_source_is_refused_with_the_names_of_the_known_ones(resource: Resource) -> None:
    with pytest.raises(CatalogueError, match=r"There is no source 'echo'\. Known: http, file\."):
        import_catalogue(json.dumps([ENTRY]))
    form = admin_site.get_model_admin(Resource).get_form(RequestFactory().get("/"))(data=ENTRY)
    assert form.errors["source"] == ["There is no source 'echo'. Known: http, file."]


def test_a_part_whose_source_is_gone_fails_and_the_others_do_not(dependencies: Dependencies, settings: Any) -> None:
    import_catalogue(json.dumps([ENTRY]))
    request = order("echo-1")
    settings.DOWNLOADS_SOURCES = {}
    package_request(request.pk, owner="run-1", dependencies=dependencies)
    assert states(request) == [("failed", "resource-withdrawn")]


def test_the_site_loads_what_sources_declare_and_nothing_that_fetches() -> None:
    heavy = ("isal", "stream_zip", "httpx", "prefect")
    text = (
        "import django, sys; django.setup(); from downman import sources; before = set(sys.modules); "
        "sources.load_sources(); loaded = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        f"print(sorted(loaded & set({heavy})))"
    )
    done = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    assert set(sources.BUILT_IN) == {"http", "file"}


def test_an_import_says_what_cannot_be_ordered_as_its_entry_says(
    settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "files").mkdir()
    settings.DOWNLOADS_FILE_ROOTS = [tmp_path / "files"]
    (tmp_path / "files" / "good.zip").write_bytes(b"x")
    (tmp_path / "files" / "out.txt").symlink_to("/etc/passwd")
    paths = {"a": "/etc/passwd", "b": f"{tmp_path}/files/out.txt", "c": f"{tmp_path}/files/gone.txt"}
    entries: list[dict[str, Any]] = [
        {"id": name, "title": name, "source": "file", "url": f"file://{path}"} for name, path in paths.items()
    ]
    good = {"id": "d", "title": "d", "source": "file", "url": f"file://{tmp_path}/files/good.zip"}
    (tmp_path / "c.json").write_text(json.dumps([*entries, {**good, "formats": ["DXF", "SHP"]}]))
    call_command("import_catalogue", tmp_path / "c.json")
    out, err = capsys.readouterr()
    assert "4 resources are in the catalogue" in out
    said = err.splitlines()
    assert [line[:1] for line in said] == ["a", "b", "c", "d"]
    assert all("no plain file below a folder of DOWNLOADS_FILE_ROOTS" in line for line in said[:2])
    assert "until there is a file" in said[2]
    assert "nobody can choose one of DXF, SHP" in said[3]
