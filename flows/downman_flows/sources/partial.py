"""What a transfer that broke left in staging, and whether it can go on from there."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

BODY = "body"
NOTES = "body.json"


@dataclass(frozen=True, kw_only=True)
class ResumeInfo:
    """What must be known to go on with a body."""

    url: str
    #: A strong ETag or a date: the source sends the rest only while it still holds.
    validator: str
    total: int


class Partial:
    """The body in one folder, as far as it was fetched."""

    def __init__(self, folder: Path, url: str) -> None:
        """Look into `folder`; what lies there of another address does not count."""
        self.path = folder / BODY
        self._notes_path = folder / NOTES
        self._url = url

    def resumable(self) -> ResumeInfo | None:
        """Return the notes of a body that can be gone on with; else None, and nothing is left of it."""
        try:
            notes = ResumeInfo(**json.loads(self._notes_path.read_text()))
            if notes.url == self._url and 0 < self.path.stat().st_size < notes.total:
                return notes
        except (OSError, ValueError, TypeError):
            # None, or cut short by a crash.
            pass
        self.discard()
        return None

    def note(self, *, validator: str, total: int) -> None:
        """Write down what allows to go on, before the body comes."""
        notes = ResumeInfo(url=self._url, validator=validator, total=total)
        self._notes_path.write_text(json.dumps(asdict(notes)))

    def discard(self) -> None:
        """Delete the body and what was noted of it."""
        self._notes_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
