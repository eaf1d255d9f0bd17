"""`manage.py import_catalogue FILE.json`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from downman.services.catalogue import CatalogueError, find_doubts, import_catalogue


class Command(BaseCommand):
    help = "Adds the resources of a JSON file to the catalogue; one with a known id is replaced."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a JSON list of resources")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            text = options["file"].read_text(encoding="utf-8")
            count = import_catalogue(text)
        except (OSError, UnicodeDecodeError, CatalogueError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(f"{count} resource{'s are' if count != 1 else ' is'} in the catalogue.")
        for doubt in find_doubts(text):
            self.stderr.write(doubt)
