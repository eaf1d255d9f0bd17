"""What is wrong with the settings, and what to do about it; run by management commands and at a start."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, register

from downman.checks import addresses, deployed, folders, numbers, values
from downman.settings import app_settings


@register("downloads")
def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    """Refuse unknown names, and values that cannot work, contradict each other or are unsafe."""
    # The other checks compare values, which those of a wrong type do not let them.
    return [*values.unknown_names(), *(list(values.wrong_types()) or _impossible())]


@register("downloads", deploy=True)
def check_deployment(**_kwargs: Any) -> list[CheckMessage]:
    """Warn of what is right for a trial only; for `check --deploy`."""
    return [] if list(values.wrong_types()) else list(deployed.warnings(app_settings()))


def _impossible() -> Iterator[CheckMessage]:
    settings = app_settings()
    for check in (values.impossible, numbers.impossible, folders.impossible, addresses.impossible):
        yield from check(settings)
