"""Settings of the demo site. What differs between machines comes from the environment.

What the environment does not say is taken from what a running demo wrote into its home, so that a command given in
another terminal finds its database.
"""

import json
import os
from pathlib import Path
from typing import Any

from psycopg2.extensions import parse_dsn

from django_integration.downloads.settings import settings_from_environment

HOME = Path(os.environ.get("DOWNMAN_HOME", ".local")).expanduser().resolve()
FOLDER = Path(__file__).parent


def environment() -> dict[str, str]:
    """Give the environment, filled up with the running demo's."""
    file = HOME / "secrets" / "environment.json"
    written: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return {**written, **os.environ}


ENVIRONMENT = environment()
PORT = int(ENVIRONMENT.get("DOWNMAN_PORT", "8000"))


def database(url: str) -> dict[str, Any]:
    """Give Django's settings for a PostgreSQL address."""
    parts = parse_dsn(url)
    known = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{known[name]: value for name, value in parts.items() if name in known},
        "OPTIONS": {name: value for name, value in parts.items() if name not in known},
        # One connection for each thread of the site, checked before it is used again.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


SECRET_KEY = ENVIRONMENT.get("DOWNMAN_SECRET_KEY", "only for commands that sign nothing; `make demo` sets a secret one")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "ninja",  # the page that explains the API, without another server's scripts
    "django_integration.downloads",
    "django_integration.demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Before all that need the database, which may be away.
    "django_integration.downloads.middleware.DatabaseAway",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "django_integration.demo.urls"
WSGI_APPLICATION = "django_integration.demo.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": database(ENVIRONMENT.get("DOWNMAN_DATABASE_URL", "postgresql://postgres@localhost/downman"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
# Served from where they lie: the demo has no step that collects them.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
# A page of another site must not be able to tell the browser what kind of file a download is.
SECURE_CONTENT_TYPE_NOSNIFF = True


DOWNLOADS_SITE_URL = ENVIRONMENT.get("DOWNMAN_SITE_URL", f"http://127.0.0.1:{PORT}")
DOWNLOADS_PACKAGE_DIR = HOME / "packages"
DOWNLOADS_STAGING_DIR = HOME / "staging"
DOWNLOADS_FILE_ROOTS = [HOME / "files", FOLDER / "data"]
# The demo's own sample data; nothing else that is private.
DOWNLOADS_PRIVATE_ADDRESSES = ["127.0.0.1/32"]
DOWNLOADS_PREFECT_API_URL = ENVIRONMENT.get("PREFECT_API_URL", "http://127.0.0.1:4200/api")
DOWNLOADS_PREFECT_API_AUTH_STRING = ENVIRONMENT.get("PREFECT_API_AUTH_STRING", "")
DOWNLOADS_BEHAVIOUR = "ALL"
# Any of them may be given differently by the environment, under the same name.
globals().update(settings_from_environment(ENVIRONMENT))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
