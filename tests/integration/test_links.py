from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from downman.models import DownloadLink, Resource
from tests.integration.orders import EMAIL, order
from tests.integration.packages import package_path

pytestmark = pytest.mark.django_db

DATA = bytes(range(256)) * 40


@pytest.fixture
def link(resource: Resource, settings: Any) -> DownloadLink:
    """Return the link of a package that lies in its place."""
    made = DownloadLink.objects.create(
        request=order("dem"),
        delivery="package",
        name="download.zip",
        target="1/1/download.zip",
        size=len(DATA),
        sha256="ab" * 32,
        expires_at=timezone.now() + timedelta(days=7),
    )
    path = package_path(made.target)
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    return made


def url(link: DownloadLink) -> str:
    return f"/downloads/links/{link.token}/{link.name}"


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def count(link: DownloadLink) -> int:
    link.refresh_from_db()
    return link.download_count


def test_the_whole_file_comes_with_what_is_needed_to_resume_and_to_check(client: Client, link: DownloadLink) -> None:
    answer = client.get(url(link))
    assert answer.status_code == 200
    assert body(answer) == DATA
    assert answer["Content-Length"] == str(len(DATA))
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["ETag"].startswith('"')
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="download.zip"'
    assert answer["Repr-Digest"].startswith("sha-256=:q6ur")
    assert count(link) == 1


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=10000-", 10_000, None),
        ("bytes=-5", -5, None),
        ("bytes=-999999", 0, None),
        ("bytes=0-999999", 0, None),
        (f"bytes=10-{'9' * 4400}", 10, None),
        (f"bytes=-{'9' * 4400}", 0, None),
        (f"bytes={'0' * 4400}-9", 0, 10),
    ],
)
def test_one_range_gives_that_part(client: Client, link: DownloadLink, asked: str, start: int, end: int | None) -> None:
    answer = client.get(url(link), headers={"Range": asked})
    assert answer.status_code == 206
    assert body(answer) == DATA[start:end]
    first = start % len(DATA)
    assert answer["Content-Range"] == f"bytes {first}-{first + len(DATA[start:end]) - 1}/{len(DATA)}"
    assert answer["Content-Length"] == str(len(DATA[start:end]))


@pytest.mark.parametrize(
    "asked", ["bytes=5-1", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=1-2;x", "bytes=\u0661-"]
)
def test_a_range_that_is_none_or_several_gives_the_whole(client: Client, link: DownloadLink, asked: str) -> None:
    answer = client.get(url(link), headers={"Range": asked})
    assert (answer.status_code, body(answer)) == (200, DATA)


@pytest.mark.parametrize("asked", ["bytes=10240-", "bytes=99999-100000", "bytes=-0", f"bytes={'9' * 4400}-"])
def test_a_range_behind_the_end_cannot_be_satisfied(client: Client, link: DownloadLink, asked: str) -> None:
    answer = client.get(url(link), headers={"Range": asked})
    assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{len(DATA)}")


def test_a_download_goes_on_only_where_the_file_is_still_the_same(client: Client, link: DownloadLink) -> None:
    first = client.get(url(link))
    body(first)
    for validator in (first["ETag"], first["Last-Modified"]):
        answer = client.get(url(link), headers={"Range": "bytes=5-", "If-Range": validator})
        assert (answer.status_code, body(answer)) == (206, DATA[5:])
    answer = client.get(url(link), headers={"Range": "bytes=5-", "If-Range": '"other"'})
    assert (answer.status_code, body(answer)) == (200, DATA)
    assert client.get(url(link), headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert client.get(url(link), headers={"If-Match": '"other"'}).status_code == 412


def test_a_look_or_the_rest_of_a_download_is_not_counted(client: Client, link: DownloadLink) -> None:
    head = client.head(url(link))
    assert (head.status_code, head["Content-Length"], head.content) == (200, str(len(DATA)), b"")
    body(client.get(url(link), headers={"Range": "bytes=100-"}))
    assert count(link) == 0
    body(client.get(url(link), headers={"Range": "bytes=0-"}))
    assert count(link) == 1


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, 410, "expired"),
        ({"status": "expired"}, 410, "expired"),
        ({"status": "cancelled_by_user"}, 410, "cancelled"),
        ({"status": "cancelled_by_admin"}, 410, "cancelled"),
    ],
)
def test_a_link_that_has_ended_gives_a_friendly_page(
    client: Client, link: DownloadLink, changes: dict[str, Any], status: int, words: str
) -> None:
    DownloadLink.objects.update(**changes)
    answer = client.get(url(link))
    assert answer.status_code == status
    assert words in answer.content.decode()
    assert EMAIL not in answer.content.decode()
    assert count(link) == 0


def test_an_unknown_link_and_a_lost_package_give_friendly_pages(client: Client, link: DownloadLink) -> None:
    assert client.get("/downloads/links/unknown/x.zip").status_code == 404
    assert client.get("/downloads/links/a%00b/x.zip").status_code == 400
    package_path(link.target).unlink()
    assert client.get(url(link)).status_code == 404
    assert count(link) == 0


def test_a_package_path_cannot_lead_out_of_the_package_folder() -> None:
    for target in ("../x", "/etc/passwd", "a/../../x", ""):
        with pytest.raises(ValueError, match="leads out"):
            package_path(target)


def test_a_direct_file_is_sent_only_while_it_lies_in_an_allowed_folder(
    client: Client, link: DownloadLink, settings: Any, tmp_path: Path
) -> None:
    allowed = tmp_path / "data"
    secret = tmp_path / "data-secret"
    for folder in (allowed, secret):
        folder.mkdir()
        (folder / "a.txt").write_text("hello")
    (allowed / "link.txt").symlink_to(secret / "a.txt")
    settings.DOWNLOADS_FILE_ROOTS = [allowed]
    for name, status in {
        "data/a.txt": 200,
        "data-secret/a.txt": 404,
        "data/link.txt": 404,
        "data/../data-secret/a.txt": 404,
        "data": 404,
        "data/gone.txt": 404,
    }.items():
        DownloadLink.objects.update(delivery="file", target=f"file://{tmp_path}/{name}")
        answer = client.get(url(link))
        assert answer.status_code == status, name
        body(answer)


def test_a_link_to_another_server_redirects_the_person(client: Client, link: DownloadLink) -> None:
    DownloadLink.objects.update(delivery="redirect", target="https://example.org/data.tif")
    answer = client.get(url(link))
    assert (answer.status_code, answer["Location"]) == (302, "https://example.org/data.tif")
    assert count(link) == 1
