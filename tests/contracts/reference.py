"""Writes the reference pages from the code: `python -m tests.contracts.reference`. A test holds them equal."""

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import SecretStr

from deployments.settings import DemoSettings, PoolSettings
from deployments.worker.settings import WarmProcessSettings
from django_integration.domain import jobs, notices, policy, status
from django_integration.domain.errors import PermanentError, TemporaryError
from django_integration.downloads.settings import PREFIX, AppSettings
from tests.acceptance.faults.page import faults_page

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"


def sentences_of(enum: type[StrEnum]) -> dict[str, str]:
    """Give the sentence behind each member, as it stands in the source."""
    found = re.findall(r'^    \w+ = "([^"]+)"  #: (.+)$', inspect.getsource(enum), flags=re.MULTILINE)
    assert len(found) == len(enum), f"every member of {enum.__name__} needs a sentence"
    return dict(found)


def table(*columns: str, rows: Sequence[tuple[str, ...]]) -> str:
    """Write a Markdown table."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def states(title: str, transitions: Mapping[Any, frozenset[Any]]) -> str:
    """Write one enum of states with its moves."""
    enum = type(next(iter(transitions)))
    rows = [
        (f"`{value}`", sentence, ", ".join(f"`{target}`" for target in sorted(transitions[enum(value)])) or "final")
        for value, sentence in sentences_of(enum).items()
    ]
    return f"## {title}\n\n{enum.__doc__}\n\n{table('state', 'meaning', 'may become', rows=rows)}"


def enum_table(title: str, enum: type[StrEnum]) -> str:
    """Write one enum that has no moves."""
    rows = [(f"`{value}`", sentence) for value, sentence in sentences_of(enum).items()]
    return f"## {title}\n\n{enum.__doc__}\n\n{table('value', 'meaning', rows=rows)}"


def states_page() -> str:
    """Write the page of all states."""
    return "\n".join(
        [
            "# States\n\nMade from `django_integration/domain/status.py`; the database refuses anything else.\n",
            states("Request", status.REQUEST_TRANSITIONS),
            states("Locator", status.LOCATOR_TRANSITIONS),
            enum_table("Approval of a locator", status.Approval),
            states("Link", status.LINK_TRANSITIONS),
            states("Generic request", status.GENERIC_TRANSITIONS),
            states("Notice", status.NOTICE_TRANSITIONS),
            enum_table("Kinds of notice", notices.NoticeKind),
        ]
    )


def settings_page() -> str:
    """Write the page of the app's settings."""
    rows = []
    for item in fields(AppSettings):
        default = item.default_factory() if item.default_factory is not MISSING else item.default
        shown = "from the environment" if "prefect_api" in item.name else f"`{default!r}`".replace("PosixPath", "Path")
        kind = item.type.__name__ if isinstance(item.type, type) and not get_args(item.type) else str(item.type)
        kind = kind.replace("pathlib.", "")
        rows.append((f"`{PREFIX}{item.name.upper()}`", f"`{kind}`", shown, item.metadata["sentence"]))
    return (
        "# Settings\n\nMade from `django_integration/downloads/settings.py`. They stand in the site's Django settings; the\n"
        "workers read the same ones. An unknown `DOWNLOADS_` name is an error of `manage.py check`.\n\n"
        + table("setting", "type", "default", "what it is", rows=rows)
        + "\n"
        + enum_table("Behaviours", policy.Behaviour)
        + "\nAn administrator may change the behaviour, the cart limit, the validity and the public limit as the site runs,\n"
        "under *Download policy* in the admin; what is left empty there is the site's setting.\n"
    )


def environment_page() -> str:
    """Write the page of the environment variables of a deployment."""
    sections = []
    for title, settings in (
        ("Work pool, queues and mail server", PoolSettings),
        ("Worker of the type `warm-process`", WarmProcessSettings),
        ("Demo", DemoSettings),
    ):
        prefix = str(settings.model_config.get("env_prefix"))
        rows = [
            (
                f"`{prefix}{name.upper()}`",
                "" if field.default is None or field.default == "" else f"`{shown(field.default)}`",
                field.description or "",
            )
            for name, field in settings.model_fields.items()
        ]
        sections.append(f"## {title}\n\n{settings.__doc__}\n\n" + table("variable", "default", "what it is", rows=rows))
    return (
        "# Environment variables\n\nMade from `deployments/settings.py` and `deployments/worker/settings.py`. The site's own settings\n"
        "are on [another page](settings.md).\n\n" + "\n".join(sections)
    )


def shown(value: Any) -> str:
    """Write a default as one would set it."""
    if isinstance(value, SecretStr):
        return "empty"
    return json.dumps(value) if isinstance(value, list) else str(value)


def jobs_page() -> str:
    """Write the page of jobs, queues and schedules."""
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    meaning = sentences_of(jobs.Job)
    rows = []
    for item in deployments:
        schedules = ", ".join(schedule_in_words(plan) for plan in item.get("schedules", []))
        rows.append(
            (
                f"`{item['name']}`",
                f"`{item['work_pool']['work_queue_name']}`",
                schedules or "when asked",
                meaning[item["name"]],
            )
        )
    return (
        "# Jobs and queues\n\nMade from `prefect.yaml` and `django_integration/domain/jobs.py`. Each job is a Prefect deployment whose\n"
        f"flow has the same name; all run in the work pool `{jobs.WORK_POOL}`.\n\n"
        + table("job", "queue", "runs", "what it does", rows=rows)
        + "\n"
        + enum_table("Queues", jobs.Queue)
    )


def schedule_in_words(plan: Mapping[str, Any]) -> str:
    """Say when a schedule has its job run."""
    return f"every {plan['interval']} s" if "interval" in plan else f"`{plan['cron']}` ({plan['timezone']})"


def errors_page() -> str:
    """Write the page of what can go wrong with a part of an order."""
    rows = []
    for root, then in ((TemporaryError, "it is tried again"), (PermanentError, "it has failed")):
        rows += [(f"`{kind.code}`", then, kind.sentence) for kind in [root, *root.__subclasses__()]]
    return (
        "# Errors of a part\n\nMade from `django_integration/domain/errors.py`. The code is stored with the locator and in the manifest;\n"
        "the sentence is what a person reads, in their language.\n\n"
        + table("code", "what follows", "sentence", rows=sorted(rows))
    )


def pages() -> dict[Path, str]:
    """Give every page by its path."""
    return {
        PAGES / "states.md": states_page(),
        PAGES / "settings.md": settings_page(),
        PAGES / "environment.md": environment_page(),
        PAGES / "jobs.md": jobs_page(),
        PAGES / "errors.md": errors_page(),
        PAGES / "faults.md": faults_page(table),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
