"""The reference site with settings for production: everything that differs between installations is in its environment.

Secrets may lie in files (`NAME_FILE`). Whatever is missing, invalid or unsafe is rejected, all of it at once, with what
to do about it. A site of your own needs none of this; see docs/how-to/add-to-your-site.md.
"""

import os
from typing import Any
from urllib.parse import urlsplit

from downman.environment import InvalidSettings, read_settings
from downman.secret_files import SUFFIX
from downman.settings import settings_from_environment
from downman_site.base import *  # noqa: F403
from downman_site.base import database, logging
from downman_site.environment import REQUIRED, SiteEnvironment


def read() -> tuple[SiteEnvironment, dict[str, Any]]:
    """Return the settings of the site and those of the app. Raises `InvalidSettings` with everything that is wrong."""
    site, app = SiteEnvironment.model_construct(), dict[str, Any]()
    reasons = [
        f"{name} is missing; {hint}."
        for name, hint in REQUIRED.items()
        if not os.environ.get(name) and not os.environ.get(name + SUFFIX)
    ]
    try:
        site = read_settings(SiteEnvironment, os.environ)
    except InvalidSettings as exc:
        reasons += exc.reasons
    try:
        app = settings_from_environment(os.environ)
    except InvalidSettings as exc:
        reasons += exc.reasons
    if reasons:
        raise InvalidSettings(reasons)
    return site, app


SITE, APP = read()
HOME = SITE.home.expanduser().resolve()
SITE_URL = urlsplit(APP["DOWNLOADS_SITE_URL"])
IS_HTTPS = SITE_URL.scheme == "https"

SECRET_KEY = SITE.secret_key.get_secret_value()
DATABASES = {"default": database(SITE.database_url.get_secret_value())}
LOGGING = logging(SITE.log_level)

# With the names under which programs on this machine check its health.
ALLOWED_HOSTS = list(filter(None, [SITE_URL.hostname, *SITE.allowed_hosts, "127.0.0.1", "localhost"]))
CSRF_TRUSTED_ORIGINS = [f"{SITE_URL.scheme}://{SITE_URL.netloc}"]
if IS_HTTPS:
    # nginx overwrites the header of the request (deployments/nginx/downman.conf).
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_REDIRECT_EXEMPT = [r"^downloads/(health|metrics)\b"]
    SECURE_HSTS_SECONDS = 30 * 24 * 3600
    # The owner of the domain decides whether its subdomains have https too, and whether browsers preload that.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

STATIC_ROOT = HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# nginx on this machine, which overwrites the header of the request (deployments/nginx/downman.conf).
DOWNLOADS_TRUSTED_PROXIES = ["127.0.0.1/32", "::1/128", "unix"]
DOWNLOADS_PACKAGE_DIR = HOME / "packages"
DOWNLOADS_STAGING_DIR = HOME / "staging"
globals().update(APP)

if SITE.sendfile == "nginx":
    SENDFILE_BACKEND = "django_sendfile.backends.nginx"
    SENDFILE_ROOT = str(DOWNLOADS_PACKAGE_DIR)
    SENDFILE_URL = "/protected-packages"
