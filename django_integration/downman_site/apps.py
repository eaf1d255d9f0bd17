"""The reference site as a Django app: the portal and its sample data."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """A small data portal to order from."""

    name = "downman_site"
    label = "demo"
    verbose_name = "Demo portal"
