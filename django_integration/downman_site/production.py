"""The smallest site with settings for production: everything that differs between installations is in its environment.

Secrets may lie in files (`NAME_FILE`). What is missing, cannot be meant or is unsafe is refused, all of it at once,
with what to do about it. A site of your own needs none of this; see docs/how-to/add-to-your-site.md.
"""

import os
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from downman.secret_files import SUFFIX
from downman.settings import SettingsRefused, settings_from_environment
from downman_site.base import *  # noqa: F403
from downman_site.base import database, logging
from downman_site.environment import NEEDED, EnvironmentRefused, SiteEnvironment, site_environment


def read() -> tuple[SiteEnvironment, dict[str, Any]]:
    """Return what the environment tells the site, and the app. Raises `ImproperlyConfigured` with all that is wrong."""
    site, app = SiteEnvironment.model_construct(), dict[str, Any]()
    reasons = [
        f"{name} is missing; {remedy}."
        for name, remedy in NEEDED.items()
        if not os.environ.get(name) and not os.environ.get(name + SUFFIX)
    ]
    try:
        site = site_environment()
    except EnvironmentRefused as exc:
        reasons += exc.reasons
    try:
        app = settings_from_environment(os.environ)
    except SettingsRefused as exc:
        reasons += exc.reasons
    if reasons:
        raise ImproperlyConfigured("\n".join(reasons))
    return site, app


SITE, APP = read()
HOME = SITE.home.expanduser().resolve()
ADDRESS = urlsplit(APP["DOWNLOADS_SITE_URL"])
IS_HTTPS = ADDRESS.scheme == "https"

SECRET_KEY = SITE.secret_key.get_secret_value()
DATABASES = {"default": database(SITE.database_url.get_secret_value())}
LOGGING = logging(SITE.log_level)

# With those on this machine that ask whether the site is well.
ALLOWED_HOSTS = list(filter(None, [ADDRESS.hostname, *SITE.host_names, "127.0.0.1", "localhost"]))
CSRF_TRUSTED_ORIGINS = [f"{ADDRESS.scheme}://{ADDRESS.netloc}"]
if IS_HTTPS:
    # nginx sets it, whatever came with the request (deployments/nginx/downman.conf).
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_REDIRECT_EXEMPT = [r"^downloads/(health|metrics)\b"]
    SECURE_HSTS_SECONDS = 30 * 24 * 3600
    # Whether names below the portal's have https too, and whether browsers shall know it before, its owner decides.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

STATIC_ROOT = HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

DOWNLOADS_PACKAGE_DIR = HOME / "packages"
DOWNLOADS_STAGING_DIR = HOME / "staging"
globals().update(APP)

if SITE.sendfile == "nginx":
    SENDFILE_BACKEND = "django_sendfile.backends.nginx"
    SENDFILE_ROOT = str(DOWNLOADS_PACKAGE_DIR)
    SENDFILE_URL = "/protected-packages"
