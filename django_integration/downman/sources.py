"""The sources that this portal knows: the classes that `DOWNLOADS_SOURCES` names, loaded when they are first needed.

The site reads what the classes declare (`is_static`, `link_delivery`, `honours`); only workers make objects of them.
"""

from collections.abc import Iterator, Mapping
from functools import cache

from django.core.exceptions import ValidationError

from downman.domain.ports import Source
from downman.loading import load_class
from downman.settings import app_settings

#: What every portal has. `DOWNLOADS_SOURCES` adds others, or puts another class in the place of one of these.
BUILT_IN: Mapping[str, str] = {
    "http": "downman_flows.sources.http_source.HttpSource",
    "file": "downman_flows.sources.file_source.FileSource",
}


def get_paths() -> dict[str, str]:
    """Return the dotted path of each source's class, by the name that resources have."""
    return {**BUILT_IN, **app_settings().sources}


def get_names() -> list[str]:
    """Return the names that a resource may have as its source."""
    return list(get_paths())


def find_source(name: str) -> type[Source] | None:
    """Return the class of a source; None when no source has this name. Raises `ImportError` if it cannot be loaded."""
    path = get_paths().get(name)
    return None if path is None else _load(path)


def load_sources() -> dict[str, type[Source]]:
    """Return the class of every source by its name. Raises `ImportError`."""
    return {name: _load(path) for name, path in get_paths().items()}


def validate_name(name: str) -> None:
    """Raise Django's `ValidationError` for a source that no resource can have here; names those that exist."""
    try:
        known = find_source(name)
    except ImportError as exc:
        raise ValidationError(f"The source {name!r} cannot be loaded: {exc}") from exc
    if known is None:
        raise ValidationError(f"There is no source {name!r}. Known: {', '.join(get_names())}.")


def find_problems(added: Mapping[str, str]) -> Iterator[str]:
    """Return a sentence for each source that cannot be loaded or does not declare what a source must.

    `added` is the value of `DOWNLOADS_SOURCES`.
    """
    for name, path in {**BUILT_IN, **added}.items():
        try:
            _load(path)
        except ImportError as exc:
            yield f"DOWNLOADS_SOURCES: the source {name} cannot be loaded: {exc}."


@cache
def _load(path: str) -> type[Source]:
    found: type[Source] = load_class(path, Source, "source")
    return found
