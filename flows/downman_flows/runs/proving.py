"""What a source gives, held against what the catalogue promises, and cleaned: the one door for all sources."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from downman.domain.ports import FetchRequest, Progress, RemoteFile, Source, StagedFile
from downman.domain.text import clean_date, clean_text
from downman_flows.content.proof import WrongContent, get_promise, prove_content
from downman_flows.sources.fetch_limits import FetchLimits
from downman_flows.sources.retrying import with_retries

#: A page of errors is often gone a moment later; what comes three times comes again, and a later run looks.
TRIES = 3


def fetch_proven(
    source: Source, request: FetchRequest, formats: Sequence[str], folder: Path, progress: Progress
) -> list[StagedFile]:
    """Fetch the files of a part, and prove that the main one is what was promised: one of `formats`.

    What is something else is thrown away and fetched again, a few times. Raises what the source raises, and
    `WrongContent`.
    """
    last: tuple[int, int | None] = (0, None)

    def on_progress(bytes_done: int, bytes_total: int | None) -> None:
        nonlocal last
        last = (bytes_done, bytes_total)
        progress(bytes_done, bytes_total)

    def attempt() -> list[StagedFile]:
        files = [_checked(file) for file in source.fetch(request, folder, on_progress)]
        try:
            return [_prove(file, request, formats, is_main=number == 0) for number, file in enumerate(files)]
        except WrongContent:
            for file in files:
                file.path.unlink(missing_ok=True)
            raise

    return with_retries(attempt, limits=FetchLimits(tries=TRIES), check=lambda: progress(*last), after=WrongContent)


def inspect(source: Source, request: FetchRequest) -> list[RemoteFile]:
    """Ask a source what it has, in words that can be stored."""
    return [replace(found, name=clean_text(found.name), url=clean_text(found.url)) for found in source.inspect(request)]


def _checked(file: StagedFile) -> StagedFile:
    """Clean what a source says of a file; raises `ValueError` where the file is not as long as it says."""
    if (size := file.path.stat().st_size) != file.size:
        raise ValueError(f"A source says that a file has {file.size} bytes, and it has {size}.")
    return replace(file, name=clean_text(file.name), modified_at=clean_date(file.modified_at))


def _prove(file: StagedFile, request: FetchRequest, formats: Sequence[str], *, is_main: bool) -> StagedFile:
    # Of a sidecar file nothing is promised: it may be empty, and a text.
    return prove_content(file, get_promise(formats, request.url, file.name)) if is_main else file
