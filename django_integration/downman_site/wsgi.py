"""The reference site for a WSGI server such as gunicorn."""

import codecs
import os
from collections.abc import Mapping
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "downman_site.settings")

#: How browsers and programs send forms, as Python calls it.
_CHARACTER_SETS = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"})


class Request(WSGIRequest):
    """A request whose declared character set cannot make it fail.

    Django fails before any middleware with a NUL in its name, and while it reads a form with some that Python knows,
    such as `undefined` and `idna`.
    """

    def _set_content_type_params(self, meta: Mapping[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
            known = self.encoding is None or codecs.lookup(self.encoding).name in _CHARACTER_SETS
        except ValueError:
            known = False
        if not known:
            self.encoding = None  # type: ignore[assignment]


class Handler(WSGIHandler):
    """Django's own, with these requests."""

    request_class = Request


django.setup(set_prefix=False)
application = Handler()
