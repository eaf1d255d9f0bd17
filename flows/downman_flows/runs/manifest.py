"""What a package says of itself: where each file came from, how its completeness was proven, and what was left out."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from downman.domain.errors import DownmanError
from downman.domain.ports import OrderParameter, StagedFile
from downman.domain.url_secrets import without_secrets
from downman.services.leases import Claim, ClaimedPart
from downman.services.outcome import Failure, describe_failure
from downman.sources import find_source

NAME = "manifest.json"
_PUBLIC_SCHEMES = frozenset({"http", "https"})
#: Raised when a reader of older manifests would misread a new one.
VERSION = 1


def build_manifest(
    claim: Claim,
    files: Mapping[str, tuple[ClaimedPart, StagedFile]],
    left_out: Sequence[tuple[ClaimedPart, Failure]],
) -> bytes:
    """Write the manifest; `files` are by their names in the package."""
    document = {
        "manifest_version": VERSION,
        "request": {
            "number": claim.number,
            "ordered_at": claim.created_at.astimezone(UTC).isoformat(),
            "language": claim.language,
            "run": claim.attempt,
        },
        "packaged_at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "files": [_file(name, part, staged) for name, (part, staged) in files.items()],
        "left_out": [_left_out(part, failure) for part, failure in left_out],
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _resource(part: ClaimedPart) -> dict[str, Any]:
    return {
        "part": part.position + 1,
        "resource": part.request.resource,
        "title": part.title,
        "source": part.request.source,
        "parameters": _applied(part),
    }


def _applied(part: ClaimedPart) -> dict[str, Any]:
    """Return the parameters that the source applied; of those that it does not honour, nothing."""
    source = find_source(part.request.source)
    honoured = frozenset() if source is None else source.honours
    is_cut = bool(part.request.bbox) and OrderParameter.BBOX in honoured
    has_format = OrderParameter.FORMAT in honoured or part.formats == (part.request.format,)
    return {
        "format": (part.request.format if has_format else "") or None,
        "bbox": part.request.bbox if is_cut else None,
        "crs": (part.request.crs if is_cut or OrderParameter.CRS in honoured else "") or None,
        "bbox_applied": is_cut,
    }


def _file(name: str, part: ClaimedPart, staged: StagedFile) -> dict[str, Any]:
    return {
        "name": name,
        **_resource(part),
        # A path of the server is nobody's business.
        "source_url": _source_url(part),
        "source_name": staged.name,
        "modified_at": staged.modified_at.astimezone(UTC).isoformat() if staged.modified_at else None,
        "size": staged.size,
        "sha256": staged.sha256,
        "completeness_proof": staged.proof,
        "content_proof": staged.content or None,
        "licence": part.licence or None,
    }


def _source_url(part: ClaimedPart) -> str | None:
    url = without_secrets(part.request.url, keep=part.public_parameters)
    return url if urlsplit(url).scheme in _PUBLIC_SCHEMES else None


def _left_out(part: ClaimedPart, failure: Failure) -> dict[str, Any]:
    code = failure.code if isinstance(failure, DownmanError) else "needs-approval"
    return {**_resource(part), "code": code, "reason": describe_failure(failure)}
