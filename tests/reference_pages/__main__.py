"""Writes the reference pages: `python -m tests.reference_pages`."""

import os

import django

from tests.reference_pages.pages import pages

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "downman_site.settings")
    django.setup()
    for path, text in pages().items():
        path.write_text(text)
