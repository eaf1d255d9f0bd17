"""Checks of the settings, run by management commands and when a service starts; each finding says what to do."""

from typing import Any

from django.core.checks import CheckMessage, register

from downman.checks import addresses, contradictions, deployed, folders, values


@register("downloads")
def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    """Reject unknown names, and values that are invalid, contradict each other or are unsafe."""
    settings, invalid = values.read_valid()
    others = [
        message
        for module in (values, contradictions, folders, addresses)
        for message in module.check(settings)
        # An invalid setting is checked with its default here, which says nothing about the site.
        if not any(name in message.msg for name in invalid)
    ]
    return [*values.check_names(), *(message for messages in invalid.values() for message in messages), *others]


@register("downloads", deploy=True)
def check_deployment(**_kwargs: Any) -> list[CheckMessage]:
    """Warn of what suits a trial only; for `check --deploy`."""
    settings, invalid = values.read_valid()
    return [] if invalid else list(deployed.check(settings))
