"""Files of the server, below the folders that may be handed out, with their sidecar files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from downman.domain.errors import FileRefused, SourceMissing
from downman.domain.policy import Delivery
from downman.domain.ports import FetchRequest, OrderParameter, Progress, RemoteFile, StagedFile
from downman.services.allowed_files import allowed_path, resolve_allowed


class FileSource:
    """Copies a file and its sidecar files into staging, and proves that they did not change meanwhile.

    Sidecar files are those of the same folder with the same name up to the first dot: `dem.tif` has `dem.tfw`,
    `dem.tif.aux.xml`, `dem.prj`.
    """

    is_static: ClassVar[bool] = True
    link_delivery: ClassVar[Delivery] = Delivery.FILE
    honours: ClassVar[frozenset[OrderParameter]] = frozenset()

    def __init__(self, *, roots: Sequence[Path]) -> None:
        """Allow what really is below `roots`."""
        self._roots = tuple(roots)

    @classmethod
    def from_settings(cls, settings: Any) -> Self:
        """Make one with the folders that the site's settings allow."""
        return cls(roots=settings.file_roots)

    def fetch(self, request: FetchRequest, folder: Path, progress: Progress) -> Sequence[StagedFile]:
        """Copy them; raises `FileRefused`, `SourceMissing`, `TransferInterrupted`, `NoSpace`."""
        # Not above: the site loads this module, and copies nothing.
        from downman_flows.sources.file_copy import copy_file  # noqa: PLC0415

        paths = list(self._paths(request))
        total = sum(path.stat().st_size for path in paths)
        staged: list[StagedFile] = []
        for number, path in enumerate(paths):
            done = sum(file.size for file in staged)
            staged.append(copy_file(path, folder / f"file-{number}", progress, done=done, total=total))
        return staged

    def inspect(self, request: FetchRequest) -> Sequence[RemoteFile]:
        """Look at the file and its sidecar files; raises `FileRefused` or `SourceMissing`."""
        return [
            RemoteFile(name=path.name, url=path.as_uri(), size=path.stat().st_size) for path in self._paths(request)
        ]

    def _paths(self, request: FetchRequest) -> Iterator[Path]:
        main = resolve_allowed(request.url, self._roots)
        yield main
        stem = main.name.partition(".")[0]
        if not stem:
            return
        for path in sorted(main.parent.iterdir()):
            if path.name.partition(".")[0] == stem and path != main:
                try:
                    real = allowed_path(path, self._roots)
                except (FileRefused, SourceMissing):
                    continue
                # A link to a file of another name is not a sidecar file.
                if real.name == path.name and real != main:
                    yield real
