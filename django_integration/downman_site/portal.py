"""A small data portal: what can be ordered, and the server of its sample data."""

import mimetypes

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from downman.beneath import open_beneath
from downman.byte_ranges import send_file
from downman.models import Resource


@require_safe
def portal_page(request: HttpRequest) -> HttpResponse:
    """Show the catalogue."""
    folder = settings.DEMO_DATA_DIR
    previews = {file.stem: f"previews/{file.name}" for file in (folder / "previews").iterdir()} if folder else {}
    offers = [(resource, previews.get(resource.pk)) for resource in Resource.objects.filter(offered=True)]
    return render(request, "demo/portal.html", {"offers": offers})


@require_safe
def data(request: HttpRequest, name: str) -> HttpResponseBase:
    """Send a file of the sample data, as any web server does: with ranges and validators."""
    folder = settings.DEMO_DATA_DIR
    if folder is None:
        raise Http404("This site has no sample data.")
    try:
        path = (folder / name).resolve()
        file = open_beneath(folder, path)
    except (OSError, ValueError) as exc:
        # Also a name that no file can have: too long, or with a NUL.
        raise Http404("There is no such file.") from exc
    kind, _encoding = mimetypes.guess_type(path.name)
    return send_file(request, file, content_type=kind or "application/octet-stream")
