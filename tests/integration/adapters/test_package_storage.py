"""What every storage of packages does, shown by the folder; and the site with a storage that has no local paths."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, Self

import pytest
from django.test import Client

from downman.domain.ports import PackageStorage, StoredFile
from downman.models import Resource
from downman.services.retention import clean_expired
from downman.storage import FolderStorage, current_storage
from downman_flows.storage.free_space import FreeSpace, SpaceLimit, SpaceRule
from tests.integration.orders import delivered

KEY = "0000000001/0001/a.zip"


class RemoteStorage:
    """Keeps the paths of its files to itself and has no limit, as a storage behind a network."""

    def __init__(self, root: Path) -> None:
        self._files = FolderStorage(root)

    @classmethod
    def from_settings(cls, settings: Any) -> Self:
        return cls(settings.package_dir)

    def create(self, key: str) -> AbstractContextManager[Path]:
        return self._files.create(key)

    def open(self, key: str) -> BinaryIO:
        return self._files.open(key)

    def delete(self, key: str) -> None:
        self._files.delete(key)

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        return self._files.list(prefix)

    def free_bytes(self) -> None:
        """Return None: there is no limit."""

    def shares_disk_with(self, folder: Path) -> bool:
        """Return False: it has no disk here."""
        return False

    def local_path(self, key: str) -> None:
        """Return None: its files have no path here."""


@pytest.fixture
def storage(tmp_path: Path) -> PackageStorage:
    return FolderStorage(tmp_path / "packages")


def put(storage: PackageStorage, key: str, data: bytes = b"data") -> None:
    with storage.create(key) as path:
        path.write_bytes(data)


def test_what_was_created_can_be_opened_listed_and_deleted(storage: PackageStorage, tmp_path: Path) -> None:
    put(storage, KEY)
    put(storage, "0000000002/0001/b.zip", b"more data")
    with storage.open(KEY) as file:
        assert file.read() == b"data"
    assert {file.key: file.size for file in storage.list()} == {KEY: 4, "0000000002/0001/b.zip": 9}
    assert [file.key for file in storage.list("0000000001")] == [KEY]
    assert list(storage.list("0000000003")) == []
    for _ in range(2):
        storage.delete(KEY)
    with pytest.raises(FileNotFoundError):
        storage.open(KEY)
    assert [path.name for path in (tmp_path / "packages").iterdir()] == ["0000000002"]


def test_nobody_sees_a_package_before_it_is_complete_and_an_error_leaves_nothing(storage: PackageStorage) -> None:
    def fail() -> None:
        with storage.create(KEY) as path:
            path.write_bytes(b"half")
            with pytest.raises(FileNotFoundError):
                storage.open(KEY)
            raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        fail()
    assert list(storage.list()) == []


@pytest.mark.parametrize("key", ["../outside", "", "a/../../b", "/etc/passwd"])
def test_a_key_leads_nowhere_else(storage: PackageStorage, key: str) -> None:
    for verb in (storage.open, storage.delete, storage.local_path):
        with pytest.raises(ValueError, match="leads out"):
            verb(key)


@pytest.mark.django_db
def test_the_site_sends_and_deletes_packages_that_have_no_path_here(
    client: Client, resource: Resource, settings: Any
) -> None:
    settings.DOWNLOADS_STORAGE = f"{__name__}.RemoteStorage"
    request = delivered("dem", days=1)
    link = request.links.get()
    put(current_storage(), link.target, b"zip")
    response = client.get(f"/downloads/links/{link.token}/a.zip")
    assert (response.status_code, b"".join(response.streaming_content)) == (200, b"zip")  # type: ignore[attr-defined]
    assert response["Content-Type"] == "application/zip"
    request.links.update(status="expired")
    assert clean_expired().deleted == 1
    assert list(current_storage().list()) == []


@pytest.mark.parametrize(
    ("kind", "limit"), [(FolderStorage, SpaceLimit.SHARED_DISK), (RemoteStorage, SpaceLimit.STAGING)]
)
def test_what_may_be_written_is_limited_by_the_disks_that_are_used(
    tmp_path: Path, kind: type[FolderStorage | RemoteStorage], limit: SpaceLimit
) -> None:
    rule = SpaceRule(
        storage=kind(tmp_path / "packages"), staging_dir=tmp_path, package_reserve_bytes=0, staging_reserve_bytes=0
    )
    space = rule.measure(stored_bytes=lambda: 0)
    assert space.limit == limit
    disk = os.statvfs(tmp_path)
    share = 2 if limit is SpaceLimit.SHARED_DISK else 1
    assert space.free_bytes == pytest.approx(disk.f_bavail * disk.f_frsize / share, rel=0.1)


def test_a_budget_limits_what_may_be_written(tmp_path: Path) -> None:
    rule = SpaceRule(
        storage=RemoteStorage(tmp_path), staging_dir=tmp_path / "none", package_reserve_bytes=0,
        staging_reserve_bytes=0, storage_budget_bytes=100,
    )  # fmt: skip
    assert rule.measure(stored_bytes=lambda: 30) == FreeSpace(free_bytes=70, limit=SpaceLimit.BUDGET)
