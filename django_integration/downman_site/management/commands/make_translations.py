"""`manage.py make_translations`; needs GNU gettext."""

import os
from pathlib import Path
from typing import Any

from django.core.management import CommandParser, call_command
from django.core.management.commands import makemessages

#: The folder of the site: the domain, the app and the demo.
SITE = Path(__file__).parents[3]
CATALOGUES = "downman/locale"


class Command(makemessages.Command):
    help = "Brings what is said in the app, the domain and the demo into the app's catalogues, and compiles these."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(locale=["es"], no_wrap=True, no_obsolete=True, add_location="file")

    def find_files(self, root: str) -> list[Any]:
        # The domain and the demo have no catalogues of their own.
        self.default_locale_path = os.path.abspath(CATALOGUES)  # noqa: PTH100 - Django compares texts
        return super().find_files(root)

    def handle(self, *args: Any, **options: Any) -> None:
        os.chdir(SITE)
        super().handle(*args, **options)
        call_command("compilemessages", locale=options["locale"], verbosity=options["verbosity"])
