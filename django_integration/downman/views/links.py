"""Handing out what is behind a link."""

import base64
from http import HTTPStatus

from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_sendfile import sendfile

from downman.byte_ranges import send_file, starts_a_download
from downman.domain.errors import FileRefused, SourceMissing
from downman.domain.policy import Delivery
from downman.domain.status import LinkStatus
from downman.login import opened_by_secret
from downman.models import DownloadLink
from downman.services import links
from downman.services.allowed_files import open_allowed, resolve_allowed
from downman.settings import app_settings
from downman.storage import current_storage
from downman.streaming import StreamedFile

#: Backends of django-sendfile2 that read the file themselves, and know no ranges.
READING_BACKENDS = ("django_sendfile.backends.simple", "django_sendfile.backends.development")


@never_cache
@require_safe
@opened_by_secret
def download(request: HttpRequest, token: str, name: str = "") -> HttpResponseBase:
    """Send what the link leads to, or a friendly page that says why not."""
    link = links.find_link(token)
    if link is None:
        return render(request, "downloads/link_unknown.html", status=HTTPStatus.NOT_FOUND)
    status = links.status_now(link)
    if status != LinkStatus.ACTIVE:
        return render(request, "downloads/link_ended.html", {"link": link, "status": status}, status=HTTPStatus.GONE)
    try:
        response = _answer(request, link)
    except (FileNotFoundError, FileRefused, SourceMissing):
        return render(request, "downloads/link_lost.html", {"link": link}, status=HTTPStatus.NOT_FOUND)
    if link.delivery == Delivery.REDIRECT or starts_a_download(request, response):
        links.count_download(link)
    return response


def _answer(request: HttpRequest, link: DownloadLink) -> HttpResponseBase:
    if link.delivery == Delivery.REDIRECT:
        return HttpResponseRedirect(link.target)
    if link.delivery == Delivery.FILE:
        roots = app_settings().file_roots
        response = send_file(request, open_allowed(resolve_allowed(link.target, roots), roots))
    else:
        response = _send_package(request, link.target)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=link.name) or "attachment"
    if link.sha256:
        # RFC 9530: of the whole file, whatever part of it is sent.
        response["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(link.sha256)).decode()}:"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _send_package(request: HttpRequest, target: str) -> HttpResponseBase:
    """Let the web server in front send it where the site names one in `SENDFILE_BACKEND`; else send it from here."""
    storage = current_storage()
    path = storage.local_path(target)
    if path is None:
        return StreamedFile(storage.open(target), content_type="application/zip")
    backend = getattr(django_settings, "SENDFILE_BACKEND", None)
    if backend and backend not in READING_BACKENDS:
        storage.open(target).close()  # raises before the library makes a page of its own of it
        response: HttpResponseBase = sendfile(request, str(path), mimetype="application/zip")
        return response
    return send_file(request, storage.open(target), content_type="application/zip")
