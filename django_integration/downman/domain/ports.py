"""What the domain needs from outside, as protocols.

Adapters are made in `downman_flows.wiring` (workers) and by the setting `DOWNLOADS_TRIGGER` (the site), nowhere else.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol, Self

from downman.domain.jobs import Job
from downman.domain.policy import Delivery
from downman.domain.request import BoundingBox


@dataclass(frozen=True, kw_only=True)
class FetchRequest:
    """One thing to fetch: the catalogue's URL with the requester's parameters, looked up when the work starts."""

    resource: str
    #: The name of its source.
    source: str
    url: str
    layer: str = ""
    format: str = ""
    bbox: BoundingBox | None = None
    crs: str = ""
    #: URLs of other resources that may lie beside it: their files are nobody's sidecar files.
    other_urls: tuple[str, ...] = ()


#: The proof of a file of which nothing proves that it is complete.
UNPROVEN = "unproven"


@dataclass(frozen=True, kw_only=True)
class StagedFile:
    """One file that lies complete in the staging folder."""

    path: Path
    #: The name it should have for a person, not made safe yet.
    name: str
    size: int
    sha256: str
    crc32: int
    #: How completeness was proven: `content-length`, `chunked`, `digest`, `etag-md5`, `file-size` …; or `UNPROVEN`.
    proof: str
    #: When the source says it changed, where it says so.
    modified_at: datetime | None = None
    #: What the source declares it to be: `image/tiff`, in lower case and without parameters; empty where it does not.
    media_type: str = ""
    #: What its bytes prove of what it is: `signature:tiff`, `text:xml`, `not-recognised`; empty before they were read.
    content: str = ""
    #: Where it came from in the end, after all redirects; empty where that is nothing new. It may hold secrets.
    final_url: str = ""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """What a source says of one file without sending it."""

    name: str
    #: Where it is; a sidecar file's differs from the resource's.
    url: str
    #: Bytes; None where the source does not say.
    size: int | None


class Progress(Protocol):
    """Receives the progress of a fetch; called often, also while the source is silent, from any thread."""

    def __call__(self, bytes_done: int, bytes_total: int | None) -> None:
        """Take the bytes so far. Raise `DownloadCancelled` to stop the fetch."""


class OrderParameter(StrEnum):
    """What a requester may choose for one part."""

    FORMAT = "format"  #: The format of its file.
    BBOX = "bbox"  #: The area that it is cut to.
    CRS = "crs"  #: The coordinate reference system that it is transformed to.


class Source(Protocol):
    """Fetches one type of resource; safe to use from several threads.

    The site loads the class to read what it declares, so that its module must import nothing heavy: what fetching
    needs is imported when it is needed.
    """

    #: Whether its data exist as files at the source, so that they can be handed out without packaging.
    is_static: ClassVar[bool]
    #: What the links of a part lead to that is not packaged: `FILE` or `REDIRECT`.
    link_delivery: ClassVar[Delivery]
    #: What it applies of an order's parameters; the others change nothing in what it sends.
    honours: ClassVar[frozenset[OrderParameter]]

    @classmethod
    def from_settings(cls, settings: Any) -> Self:
        """Make one for a worker from the app's settings (`downman.settings.AppSettings`)."""

    def fetch(self, request: FetchRequest, folder: Path, progress: Progress) -> Sequence[StagedFile]:
        """Bring every file of the resource into `folder`, complete and proven, or raise a `DownmanError`.

        Whatever an earlier attempt left in `folder` may be used to resume. The first file is the main one, the rest
        are its sidecar files.
        """

    def inspect(self, request: FetchRequest) -> Sequence[RemoteFile]:
        """Ask whether it is there, without its bytes, or raise a `DownmanError`; the main file first."""


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One file in the storage of packages."""

    key: str
    size: int
    #: Seconds since the epoch.
    modified_at: float


class PackageStorage(Protocol):
    """Stores packages by their keys, which look like relative paths; safe to use from several threads."""

    @classmethod
    def from_settings(cls, settings: Any) -> Self:
        """Make one from the app's settings (`downman.settings.AppSettings`)."""

    def create(self, key: str) -> AbstractContextManager[Path]:
        """Return where on this machine to write a package; nobody sees it before the block ends without an error.

        After an error nothing of it is left.
        """

    def open(self, key: str) -> BinaryIO:
        """Open a package for reading and seeking. Raises `FileNotFoundError`."""

    def delete(self, key: str) -> None:
        """Delete a package; one that is not there is no error."""

    def list(self, prefix: str = "") -> Iterator[StoredFile]:
        """Return what is stored below `prefix`, unfinished files as well."""

    def free_bytes(self) -> int | None:
        """Return the bytes that can still be stored; None where there is no limit."""

    def shares_disk_with(self, folder: Path) -> bool:
        """Return whether it is on the same disk as a folder of this machine."""

    def local_path(self, key: str) -> Path | None:
        """Return the path of a package on this machine, for web servers that send files; None where it has none."""


class Trigger(Protocol):
    """Asks for a job to be run. It may fail or be slow: callers continue without it."""

    def start(self, job: Job, *, key: str, at: datetime | None = None, request_id: int | None = None) -> str:
        """Ask for one run of the job, at once or at `at`, and give the run's id. The same `key` asks only once.

        Raises `TriggerUnavailable` when the asking failed; the job may have been accepted all the same.
        """

    def live(self, run_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the runs that have not ended; raises `TriggerUnavailable` when it cannot know."""
