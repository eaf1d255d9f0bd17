"""What an interrupted transfer left in staging, and whether it can be resumed."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

BODY = "body"
RESUME_INFO = "body.json"


@dataclass(frozen=True, kw_only=True)
class ResumeInfo:
    """What must be known to resume a body."""

    url: str
    #: A strong ETag or a date: the source sends the rest only while it still holds.
    validator: str
    total: int


class Partial:
    """The body in one folder, as far as it was fetched."""

    def __init__(self, folder: Path, url: str) -> None:
        """Look into `folder`; what is there of another URL does not count."""
        self.path = folder / BODY
        self._info_path = folder / RESUME_INFO
        self._url = url

    def load_resume_info(self) -> ResumeInfo | None:
        """Return how the body can be resumed; None, and nothing is left of it, where it cannot."""
        try:
            info = ResumeInfo(**json.loads(self._info_path.read_text()))
            if info.url == self._url and 0 < self.path.stat().st_size < info.total:
                return info
        except (OSError, ValueError, TypeError):
            # None, or cut short by a crash.
            pass
        self.discard()
        return None

    def save_resume_info(self, *, validator: str, total: int) -> None:
        """Write what a later attempt needs, before the body arrives."""
        info = ResumeInfo(url=self._url, validator=validator, total=total)
        self._info_path.write_text(json.dumps(asdict(info)))

    def discard(self) -> None:
        """Delete the body and its resume info."""
        self._info_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
