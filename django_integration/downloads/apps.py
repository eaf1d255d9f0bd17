"""The Django app."""

from django.apps import AppConfig


class DownloadsConfig(AppConfig):
    """Orders, packages and links of a data portal."""

    name = "django_integration.downloads"
    label = "downloads"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Downloads"

    def ready(self) -> None:
        """Register the checks of the settings."""
        from django_integration.downloads import checks  # noqa: F401, PLC0415 - registering needs the apps to be ready
