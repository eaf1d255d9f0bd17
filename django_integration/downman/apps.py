"""The Django app."""

from django.apps import AppConfig


class DownloadsConfig(AppConfig):
    """Orders, packages and links of a data portal."""

    name = "downman"
    label = "downloads"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Downloads"

    def ready(self) -> None:
        """Register the checks of the settings."""
        from downman import checks  # noqa: F401, PLC0415 - registering needs the apps to be ready
