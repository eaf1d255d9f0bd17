"""Loads what runs need before any run needs it: a warm worker's zygote calls `load` (`DOWNMAN_PRELOAD`)."""

import importlib

import django

#: Modules that flows and the site load only when they are used. Without Django none of them can be loaded.
MODULES = (
    "django.contrib.auth.models",
    "django.core.mail.message",
    "django.db.backends.postgresql.base",
    "django.template.loader",
    "downman.services.retention",
    "downman.services.mails",
    "downman.services.leases",
    "downman.services.outcome",
    "downman.services.recovery",
    "downman.services.orphans",
    "downman_flows.maintenance",
    "downman_flows.notify",
    "downman_flows.package",
    "downman_flows.runs.sending",
    "downman_flows.runs.packaging_run",
    "downman_flows.sources.file_copy",
    "downman_flows.sources.http_fetch",
)


def load() -> None:
    """Set Django up and load everything, without opening a connection or starting a thread."""
    django.setup()
    for name in MODULES:
        importlib.import_module(name)
    from django.conf import settings  # noqa: PLC0415 - Django must be set up first
    from django.template import engines  # noqa: PLC0415
    from django.urls import get_resolver  # noqa: PLC0415
    from django.utils import translation  # noqa: PLC0415

    from downman_flows.wiring import get_dependencies  # noqa: PLC0415

    # Links in e-mails and reports need the URLs, mails their templates and languages.
    _ = get_resolver().url_patterns
    engines.all()
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            translation.gettext("")
    get_dependencies()
