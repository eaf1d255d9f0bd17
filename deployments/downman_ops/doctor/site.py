"""The settings, as Django's checks and those of the app see them."""

import os
from collections.abc import Iterator

from django.core.checks import ERROR, CheckMessage, Tags, run_checks

from downman.settings import app_settings
from downman_ops.doctor.findings import Finding, ok, warning, wrong
from downman_ops.launch.demo_environment import START_DEMO, find_stopped_demo
from downman_ops.launch.exposure import find_exposure
from downman_ops.launch.service_settings import ServiceSettings

PART = "settings"


def check_demo() -> Iterator[Finding]:
    """Check that the demo runs, where it is one."""
    if (home := find_stopped_demo()) is not None:
        yield wrong("demo", f"the one in {home.root} is not running", START_DEMO)


def check_exposure() -> Iterator[Finding]:
    """Check that no site of services on this machine can be reached without a proxy."""
    if os.environ.get("DOWNMAN_SITE_BIND") and (exposed := find_exposure(ServiceSettings().site_bind, app_settings())):
        found, _, hint = exposed.partition(". ")
        yield warning("site", found, hint)


def check_settings() -> Iterator[Finding]:
    """Run the checks of the app, and those of Django for a site that everybody can reach."""
    messages = run_checks(tags=["downloads", Tags.security], include_deployment_checks=True)
    shown = [message for message in messages if not message.is_silenced()]
    errors = [message for message in shown if message.level >= ERROR]
    for message in errors:
        yield wrong(PART, f"{message.id}: {message.msg}", _hint(message))
    others = sorted({str(message.id) for message in shown if message.level < ERROR})
    if others:
        yield warning(
            PART, f"fit for trying out, not for the public: {', '.join(others)}", "downman manage check --deploy"
        )
    if not shown:
        yield ok(PART, "no check complains")


def _hint(message: CheckMessage) -> str:
    return message.hint or "downman manage check --deploy"
