"""Environments that are rejected at a start: examples for the reference page, each tried by a test."""

from downman_ops.errors import ConfigurationError
from downman_ops.launch.environment import resolve_environment

EXAMPLES: tuple[dict[str, str], ...] = (
    {"DOWNMAN_PAKAGE_CONCURRENCY": "8"},
    {"DOWNLOADS_CART_LIMITS": "20"},
    {"DOWNLOADS_CART_LIMIT": "many"},
    {"DOWNLOADS_EVICT_PROMISED": "perhaps"},
    {"DOWNMAN_MAIL_PASSWORD": "...", "DOWNMAN_MAIL_PASSWORD_FILE": "/etc/downman/secrets/mail-password"},
    {"DOWNMAN_SECRET_KEY_FILE": "/no/such/file"},
    {"PREFECT_API_URL": "http://127.0.0.1:4200/api", "DOWNLOADS_PREFECT_API_URL": "http://192.0.2.1:4200/api"},
    {"DOWNMAN_MAIL_BLOCK": "mails", "DOWNLOADS_MAIL_BLOCK": "downman-mail"},
    {
        "DOWNMAN_DATABASE_URL": "postgresql://downman@127.0.0.1/downman",
        "DOWNMAN_PREFECT_DATABASE_URL": "postgresql://downman@127.0.0.1/downman",
    },
    {"DOWNMAN_PACKAGE_PRIORITY": "1"},
    {"DOWNMAN_SITE_BIND": "127.0.0.1:4200", "DOWNMAN_PREFECT_PORT": "4200"},
    {"PREFECT_API_AUTH_STRING": "downman"},
    {"PREFECT_API_AUTH_STRING": "admin:pass"},
    {"DOWNMAN_MAIL_HOST": "mail.example.org", "DOWNMAN_MAIL_USER": "portal", "DOWNMAN_MAIL_PASSWORD": "..."},
    {"DOWNMAN_MAIL_USER": "portal"},
    {"DOWNMAN_MAIL_TYPE": "SSL"},
    {"DOWNMAN_PACKAGE_CONCURRENCY": "0"},
    {"DOWNMAN_MAIL_PORT": "smtp"},
    {"DOWNMAN_LOG_LEVEL": "LOUD"},
    {"DOWNMAN_SECRET_KEY": "downman"},
    {"DOWNMAN_ALLOWED_HOSTS": "*"},
)


def rejection(environment: dict[str, str]) -> str:
    """Return the message about an environment; empty for a valid one."""
    try:
        resolve_environment(environment)
    except ConfigurationError as exc:
        return str(exc)
    return ""
