"""A small data portal: what can be ordered, and the server of its sample data."""

import mimetypes
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from django_integration.downloads.byte_ranges import send_file
from django_integration.downloads.models import Resource

DATA_DIR = Path(__file__).parent / "data"
PREVIEWS_DIR = DATA_DIR / "previews"


@require_safe
def portal_page(request: HttpRequest) -> HttpResponse:
    """Show the catalogue."""
    previews = {path.stem: path.relative_to(DATA_DIR).as_posix() for path in PREVIEWS_DIR.iterdir()}
    offers = [(resource, previews.get(resource.pk)) for resource in Resource.objects.filter(offered=True)]
    return render(request, "demo/portal.html", {"offers": offers})


@require_safe
def data(request: HttpRequest, name: str) -> HttpResponseBase:
    """Send a file of the sample data, as any web server does: with ranges and validators."""
    path = (DATA_DIR / name).resolve()
    if not path.is_relative_to(DATA_DIR.resolve()) or not path.is_file():
        raise Http404("There is no such file.")
    kind, _encoding = mimetypes.guess_type(path.name)
    return send_file(request, path, content_type=kind or "application/octet-stream")
