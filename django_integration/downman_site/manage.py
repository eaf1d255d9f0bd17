"""Django's commands for the reference site: `python -m downman_site.manage COMMAND`."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run one command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "downman_site.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as exc:
        sys.exit("\n".join(f"downman: {line}" for line in str(exc).splitlines()))


if __name__ == "__main__":
    main()
