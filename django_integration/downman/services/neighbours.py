"""Which resources lie as files beside another one: their files are nobody's sidecar files."""

from collections.abc import Iterable
from urllib.parse import unquote

from django.db.models import Q

from downman.models import Resource


def find_neighbours(resources: Iterable[Resource]) -> dict[str, tuple[str, ...]]:
    """Return, by the id of each resource that is a file, the URLs of others whose file begins with the same name.

    One query, none where nothing is a file.
    """
    stems = {resource.pk: _get_stem(resource.url) for resource in resources if resource.url.startswith("file:")}
    if not stems:
        return {}
    # What is percent-encoded is compared when it is decoded.
    named = Q(url__contains="%")
    for stem in set(stems.values()):
        named |= Q(url__contains=stem)
    urls = dict(Resource.objects.filter(named, url__startswith="file:").values_list("pk", "url"))
    return {
        pk: tuple(url for other, url in urls.items() if other != pk and _get_name(url).startswith(stem))
        for pk, stem in stems.items()
    }


def _get_name(url: str) -> str:
    return unquote(url.rpartition("/")[2], errors="surrogateescape")


def _get_stem(url: str) -> str:
    name = _get_name(url)
    return name.rpartition(".")[0] or name
