"""`manage.py load_demo`."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from downman.services.catalogue import CatalogueError, import_catalogue
from downman.services.tracking import site_address

CATALOGUE = Path(__file__).parents[2] / "catalogue.json"


class Command(BaseCommand):
    help = "Adds the demo's sample data to the catalogue, under this site's address; a second time changes nothing."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if settings.DEMO_DATA_DIR is None:
            raise CommandError("This site has no sample data; use import_catalogue for your own.")
        text = CATALOGUE.read_text(encoding="utf-8")
        text = text.replace("{site}", site_address("")).replace("{data}", settings.DEMO_DATA_DIR.as_uri())
        try:
            count = import_catalogue(text)
        except CatalogueError as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(f"{count} resource{'s are' if count != 1 else ' is'} in the catalogue.")
