"""What an interrupted transfer left in staging, and whether it can be resumed."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

BODY = "body"
RESUME_INFO = "body.json"


@dataclass(frozen=True, kw_only=True)
class Version:
    """What tells one version of what a source sends from another; empty is what it did not say."""

    etag: str = ""
    last_modified: str = ""
    media_type: str = ""
    encoding: str = ""
    #: Where it was sent from, after all redirects, without the query, which may be a signature made for one request.
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class ResumeInfo:
    """What must be known to resume a body."""

    url: str
    #: What `If-Range` holds: a strong ETag or a strong date. The rest is combined only with what still has it.
    validator: str
    total: int
    version: Version

    @property
    def by_date(self) -> bool:
        """Return whether the validator is a date."""
        return not self.validator.startswith('"')


class Partial:
    """The body in one folder, as far as it was fetched."""

    def __init__(self, folder: Path, url: str) -> None:
        """Look into `folder`; what is there of another URL does not count."""
        self.path = folder / BODY
        self._info_path = folder / RESUME_INFO
        self._url = url

    def size(self) -> int:
        """Return the bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    def load_resume_info(self) -> ResumeInfo | None:
        """Return how the body can be resumed; None, and nothing is left of it, where it cannot."""
        info = self._read_resume_info()
        if info is None:
            self.discard()
        return info

    def can_be_resumed(self) -> bool:
        """Return whether what is there is of use to a later attempt."""
        return self._read_resume_info() is not None

    def _read_resume_info(self) -> ResumeInfo | None:
        try:
            found = json.loads(self._info_path.read_text())
            info = ResumeInfo(**{**found, "version": Version(**found["version"])})
            return info if info.url == self._url and 0 < self.path.stat().st_size < info.total else None
        except (OSError, ValueError, TypeError, KeyError):
            # None, or cut short by a crash, or of an earlier downman.
            return None

    def save_resume_info(self, *, validator: str, total: int, version: Version) -> None:
        """Write what a later attempt needs, before the body arrives."""
        info = ResumeInfo(url=self._url, validator=validator, total=total, version=version)
        self._info_path.write_text(json.dumps(asdict(info)))

    def discard(self) -> None:
        """Delete the body and its resume info."""
        self._info_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
