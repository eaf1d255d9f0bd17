"""Files of the server, below the folders that may be handed out, with their sidecar files."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

from downman.domain.errors import FileRefused, SourceMissing
from downman.domain.policy import Delivery
from downman.domain.ports import FetchRequest, OrderParameter, Progress, RemoteFile, StagedFile
from downman.domain.text import clean_text
from downman.services.allowed_files import allowed_path, open_allowed, resolve_allowed
from downman_flows.sources.sidecar_files import find_sidecar_names


class FileSource:
    """Copies a file and its sidecar files into staging, and proves that they did not change meanwhile.

    Sidecar files are those of the same folder that its format is known to come with: `dem.tif` has `dem.tfw`,
    `dem.tif.aux.xml`, `dem.prj`. One that is the own file of another resource is none.
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

        staged: list[StagedFile] = []
        with contextlib.ExitStack() as stack:
            files = [(path, stack.enter_context(file)) for path, file in self._open(request)]
            total = sum(os.fstat(file.fileno()).st_size for _, file in files)
            for number, (path, file) in enumerate(files):
                done = sum(one.size for one in staged)
                staged.append(copy_file(file, path.name, folder / f"file-{number}", progress, done=done, total=total))
        return staged

    def inspect(self, request: FetchRequest) -> Sequence[RemoteFile]:
        """Look at the file and its sidecar files; raises `FileRefused` or `SourceMissing`."""
        found: list[RemoteFile] = []
        for path, file in self._open(request):
            with file:
                size = os.fstat(file.fileno()).st_size
            found.append(RemoteFile(name=clean_text(path.name), url=path.as_uri(), size=size))
        return found

    def _open(self, request: FetchRequest) -> Iterator[tuple[Path, BinaryIO]]:
        """Open the file and its sidecar files, each once it is known to be below a folder that is allowed."""
        main = resolve_allowed(request.url, self._roots)
        yield main, open_allowed(main, self._roots)
        others = {main, *self._resolve(request.other_urls)}
        for name in find_sidecar_names(main.name, (path.name for path in sorted(main.parent.iterdir()))):
            with contextlib.suppress(FileRefused, SourceMissing):
                real = allowed_path(main.parent / name, self._roots)
                # A link to a file of another name is not a sidecar file.
                if real.name == name and real not in others:
                    yield real, open_allowed(real, self._roots)

    def _resolve(self, urls: Sequence[str]) -> Iterator[Path]:
        for url in urls:
            with contextlib.suppress(FileRefused, SourceMissing):
                yield resolve_allowed(url, self._roots)
