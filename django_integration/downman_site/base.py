"""Settings that the demo and the reference site in production share."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from psycopg2.extensions import parse_dsn


def database(url: str) -> dict[str, Any]:
    """Return Django's settings for the URL of a PostgreSQL database."""
    parts = parse_dsn(url)
    known = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{known[name]: value for name, value in parts.items() if name in known},
        "OPTIONS": {name: value for name, value in parts.items() if name not in known},
        # One connection for each thread of the site, checked before it is reused.
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


DEBUG = False

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "ninja",  # serves the scripts of the API's page from this site
    "downman",
    "downman_site",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "downman.middleware.SecurityHeadersMiddleware",
    "downman.middleware.UnreadableRequestMiddleware",
    # Before all that need the database, which may be unavailable.
    "downman.middleware.DatabaseUnavailableMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
# Failed log-ins are counted: see downman_site/login_limits.py.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
# So many from one network to one account; `login_limits.PER_NETWORK` times as many from it to all of them.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
# Who goes on does not wait longer than the page says.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "downman_site.login_limits.client_network"
AXES_HANDLER = "downman_site.login_limits.Handler"
AXES_LOCKOUT_CALLABLE = "downman_site.login_limits.refuse"
# Who has logged in, Django's own log of the admin shows.
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False

ROOT_URLCONF = "downman_site.urls"
WSGI_APPLICATION = "downman_site.wsgi.application"
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

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
#: Folder of the sample data that the portal serves; set in the demo only.
DEMO_DATA_DIR: Path | None = None
# Browsers must not guess the type of a download.
SECURE_CONTENT_TYPE_NOSNIFF = True


def logging(level: str) -> dict[str, Any]:
    """Return Django's settings for logging to stderr from a level upwards."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "filters": {"without tokens": {"()": "downman.log_filters.WithoutTokens"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["without tokens"]}},
        "root": {"handlers": ["stderr"], "level": level},
        # It would log every request to Prefect.
        "loggers": {
            "httpx": {"level": "WARNING"},
            # The requests that `runserver` answers; Django gives it a handler of its own, without our filter.
            "django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        },
    }
