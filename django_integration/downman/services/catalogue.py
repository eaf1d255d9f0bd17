"""Adding resources to the catalogue from a list of plain values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from downman.domain.errors import FileRefused, SourceMissing
from downman.models import Resource
from downman.services.allowed_files import resolve_allowed
from downman.services.order_parameters import get_offered_formats
from downman.settings import app_settings
from downman.strict_json import parse_strictly

#: What one entry may hold; `id`, `title`, `source` and `url` must be there.
FIELDS = (
    "id",
    "title",
    "summary",
    "source",
    "url",
    "public_parameters",
    "layer",
    "formats",
    "restricted",
    "licence",
    "extent",
    "size_bytes",
    "offered",
)
#: What a value must be that a field of the model would make something of: `"title": 5` is a mistake and no title.
_TEXT, _SWITCH, _SIZE = (str, "a text"), (bool, "true or false"), (int, "a whole number, or null")
_KINDS: Mapping[str, tuple[type, str]] = {
    **dict.fromkeys(("id", "title", "summary", "source", "url", "layer", "licence"), _TEXT),
    **dict.fromkeys(("restricted", "offered"), _SWITCH),
    "size_bytes": _SIZE,
}


_LONGEST_SHOWN = 100


class CatalogueError(ValueError):
    """The list cannot be taken; says which entry is wrong, and how. Nothing of it was added."""


def import_catalogue(text: str) -> int:
    """Add or replace the resources of a JSON list, all or none; give how many. Raises `CatalogueError`."""
    try:
        entries = parse_strictly(text)
    except ValueError as exc:
        raise CatalogueError(f"This is not JSON: {exc}.") from exc
    if not isinstance(entries, list):
        raise CatalogueError("The file must hold a list of resources: [{...}, ...].")
    seen: set[str] = set()
    with transaction.atomic():
        for number, entry in enumerate(entries, start=1):
            resource = _save(number, entry)
            if resource.pk in seen:
                raise CatalogueError(f"Entry {number} ({resource.pk}): its id stands twice in the file.")
            seen.add(resource.pk)
    return len(entries)


def find_doubts(text: str) -> Iterator[str]:
    """Return a sentence for each imported resource of a list that can be ordered, but not as its entry says."""
    ids = [entry["id"] for entry in parse_strictly(text)]
    roots = app_settings().file_roots
    for resource in Resource.objects.filter(pk__in=ids).order_by("pk"):
        if len(resource.formats) > len(get_offered_formats(resource)):
            yield (
                f"{resource.pk}: its source {resource.source} makes no formats: nobody can choose one of "
                f"{_listed(resource.formats)}; they are shown as what it holds."
            )
        if not resource.url.startswith("file:"):
            continue
        try:
            resolve_allowed(resource.url, roots)
        except FileRefused:
            folders = _listed([str(root) for root in roots]) or "none"
            yield (
                f"{resource.pk}: orders of it will fail: {ascii(resource.url)[1:-1]} is no plain file below a folder "
                f"of DOWNLOADS_FILE_ROOTS ({folders})."
            )
        except SourceMissing:
            yield f"{resource.pk}: orders of it will fail until there is a file at {ascii(resource.url)[1:-1]}."


def _save(number: int, entry: Any) -> Resource:
    if not isinstance(entry, Mapping):
        raise CatalogueError(f"Entry {number} is not an object.")
    unknown = sorted(set(entry) - set(FIELDS))
    if unknown:
        raise CatalogueError(
            f"Entry {number} has {ascii(_listed(unknown))[1:-1]}, which is not known. Known: {_listed(FIELDS)}."
        )
    shown_id = ascii(entry.get("id", "no id")).strip("'")
    place = f"Entry {number} ({shown_id[:_LONGEST_SHOWN]})"
    for name, value in entry.items():
        kind, words = _KINDS.get(name, (object, ""))
        is_unknown_size = name == "size_bytes" and value is None
        if not (is_unknown_size or (isinstance(value, kind) and (kind is not int or not isinstance(value, bool)))):
            raise CatalogueError(f"{place}: {name}: This must be {words}.")
    resource = Resource(**entry)
    try:
        resource.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as exc:
        problems = "; ".join(f"{field}: {' '.join(messages)}" for field, messages in exc.message_dict.items())
        raise CatalogueError(f"{place}: {problems}") from exc
    resource.save()
    return resource


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
