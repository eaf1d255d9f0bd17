"""Adding resources to the catalogue from a list of plain values."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from downman.models import Resource

#: What one entry may hold; `id`, `title`, `source` and `url` must be there.
FIELDS = (
    "id",
    "title",
    "summary",
    "source",
    "url",
    "layer",
    "formats",
    "restricted",
    "licence",
    "extent",
    "size_bytes",
    "offered",
)


class CatalogueError(ValueError):
    """The list cannot be taken; says which entry is wrong, and how. Nothing of it was added."""


def import_catalogue(text: str) -> int:
    """Add or replace the resources of a JSON list, all or none; give how many. Raises `CatalogueError`."""
    try:
        entries = json.loads(text)
    except ValueError as exc:
        raise CatalogueError(f"This is not JSON: {exc}.") from exc
    if not isinstance(entries, list):
        raise CatalogueError("The file must hold a list of resources: [{...}, ...].")
    with transaction.atomic():
        for number, entry in enumerate(entries, start=1):
            _save(number, entry)
    return len(entries)


def _save(number: int, entry: Any) -> None:
    if not isinstance(entry, Mapping):
        raise CatalogueError(f"Entry {number} is not an object.")
    unknown = sorted(set(entry) - set(FIELDS))
    if unknown:
        raise CatalogueError(f"Entry {number} has {_listed(unknown)}, which is not known. Known: {_listed(FIELDS)}.")
    resource = Resource(**entry)
    if not isinstance(resource.formats, list) or not all(isinstance(item, str) for item in resource.formats):
        raise CatalogueError(f"Entry {number}: `formats` must be a list of words.")
    try:
        resource.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as exc:
        problems = "; ".join(f"{field}: {' '.join(messages)}" for field, messages in exc.message_dict.items())
        raise CatalogueError(f"Entry {number} ({entry.get('id', 'no id')}): {problems}") from exc
    resource.save()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
