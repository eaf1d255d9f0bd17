"""Django's commands for the demo site: `python -m django_integration.demo.manage COMMAND`."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run one command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_integration.demo.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
