"""Settings of the demo site. Whatever differs between machines comes from the environment.

A variable that is not set is taken from the file that a running demo writes into its home, so that a command in another
terminal finds its database.
"""

import json
import os
from pathlib import Path

from downman.environment import InvalidSettings
from downman.secret_files import read_own_file
from downman.settings import settings_from_environment
from downman_site.base import *  # noqa: F403
from downman_site.base import database, logging
from downman_site.environment import PUBLISHED_KEY

HOME = Path(os.environ.get("DOWNMAN_HOME", ".local")).expanduser().resolve()
DEMO_DATA_DIR = (Path(__file__).parent / "data").resolve()


def environment() -> dict[str, str]:
    """Return the environment over that of the running demo. Raises `InvalidSettings` for one of somebody else."""
    try:
        text = read_own_file(HOME / "secrets" / "environment.json")
    except ValueError as exc:
        raise InvalidSettings([str(exc)]) from None
    written: dict[str, str] = json.loads(text or "{}")
    return {**written, **os.environ}


ENVIRONMENT = environment()
PORT = int(ENVIRONMENT.get("DOWNMAN_PORT", "8000"))

SECRET_KEY = ENVIRONMENT.get("DOWNMAN_SECRET_KEY", PUBLISHED_KEY)
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DATABASES = {"default": database(ENVIRONMENT.get("DOWNMAN_DATABASE_URL", "postgresql://postgres@localhost/downman"))}
LOGGING = logging("WARNING")

# Static files are served from the packages: the demo does not collect them.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

DOWNLOADS_SITE_URL = f"http://127.0.0.1:{PORT}"
DOWNLOADS_PACKAGE_DIR = HOME / "packages"
DOWNLOADS_STAGING_DIR = HOME / "staging"
DOWNLOADS_FILE_ROOTS = [HOME / "files", DEMO_DATA_DIR]
# The demo's own sample data; no other private network.
DOWNLOADS_PRIVATE_ADDRESSES = ["127.0.0.1/32"]
DOWNLOADS_PREFECT_API_URL = ENVIRONMENT.get("PREFECT_API_URL", "http://127.0.0.1:4200/api")
DOWNLOADS_PREFECT_API_AUTH_STRING = ENVIRONMENT.get("PREFECT_API_AUTH_STRING", "")
DOWNLOADS_POOL = ENVIRONMENT.get("DOWNMAN_POOL", "downman")
DOWNLOADS_BEHAVIOUR = "ALL"
# For loads: nobody is limited in how much they order.
DOWNLOADS_LIMITS = ENVIRONMENT.get("DOWNMAN_LIMITS", "on") != "off"
# The environment may override each of them under the same name.
globals().update(settings_from_environment(ENVIRONMENT))
