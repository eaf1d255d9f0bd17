"""The reference pages, made from the code. `python -m tests.reference_pages` writes them; a contract test compares."""

import inspect
import json
import re
import textwrap
from argparse import Action, ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from downman.checks.findings import FINDINGS
from downman.checks.values import in_words
from downman.domain import jobs, notices, policy, status
from downman.domain.errors import PermanentError, TemporaryError
from downman.monitoring.metrics import samples
from downman.settings import PREFIX, TYPES, AppSettings, get_unit
from downman_ops.launch.environment import get_variable_name, secret_names
from downman_ops.launch.service_settings import ServiceSettings
from downman_ops.settings import DemoSettings, PoolSettings, PrefectConnection
from downman_site.environment import NEEDED, SiteEnvironment
from prefect_warm_process.settings import WarmProcessSettings
from tests.acceptance.faults.page import faults_page
from tests.reference_pages.refusals import EXAMPLES, refusal

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"
SECTIONS: Mapping[str, type[BaseSettings]] = {
    "Prefect's server": PrefectConnection,
    "Site": SiteEnvironment,
    "Services": ServiceSettings,
    "Work pool, queues and mail server": PoolSettings,
    "Worker of the type `warm-process`": WarmProcessSettings,
    "Demo": DemoSettings,
}
#: What the last word of a name counts.
UNITS = {
    "seconds": "seconds", "concurrency": "runs", "worker": "runs", "processes": "processes", "threads": "requests",
    "workers": "workers", "priority": "rank", "templates": "environments",
}  # fmt: skip
#: What an installation must set, each with what to set it to.
MUST_BE_SET: Mapping[str, str] = {
    **NEEDED,
    "DOWNMAN_PREFECT_DATABASE_URL": "one of its own: postgresql://user:password@host/prefect",
    "PREFECT_API_AUTH_STRING": "make one: python3 -c 'import secrets; print(\"admin:\" + secrets.token_urlsafe(18))'",
}
#: The defaults of the smallest site, where they are not those of the app.
OF_THE_SMALLEST_SITE = {
    "DOWNLOADS_PACKAGE_DIR": "/var/lib/downman/packages",
    "DOWNLOADS_STAGING_DIR": "/var/lib/downman/staging",
}
ENVIRONMENT_EXAMPLE = """\
# Everything that downman can be told by environment variables; made from the code (python -m tests.reference_pages).
# Copy it, fill in what is marked as needed, and take the # away before what you set differently. One NAME=value a line,
# with single quotes around what is not one plain word, and nothing behind it. Keep the copy to yourself: chmod 600.

# --- Needed ---

# The site's Django settings: the smallest site, or those of your own.
DJANGO_SETTINGS_MODULE=downman_site.production"""


def to_sentences(enum: type[StrEnum]) -> dict[str, str]:
    """Return the sentence behind each member, as it stands in the source."""
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
        for value, sentence in to_sentences(enum).items()
    ]
    return f"## {title}\n\n{enum.__doc__}\n\n{table('state', 'meaning', 'may become', rows=rows)}"


def enum_table(title: str, enum: type[StrEnum]) -> str:
    """Write one enum that has no moves."""
    rows = [(f"`{value}`", sentence) for value, sentence in to_sentences(enum).items()]
    return f"## {title}\n\n{enum.__doc__}\n\n{table('value', 'meaning', rows=rows)}"


def states_page() -> str:
    """Write the page of all states."""
    return "\n".join(
        [
            "# States\n\nMade from `django_integration/downman/domain/status.py`; the database refuses anything else.\n",
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
        default = item.default if item.default is not MISSING else "from the environment"
        shown_default = default if default == "from the environment" else f"`{default!r}`".replace("PosixPath", "Path")
        name = f"{PREFIX}{item.name.upper()}"
        rows.append(
            (
                f"`{name}`",
                in_words(TYPES[item.name]),
                get_unit(item),
                shown_default,
                item.metadata["sentence"] + (a_secret(name) if item.metadata["secret"] else ""),
            )
        )
    findings = [(f"`downloads.{number}`", finding.wrong, finding.remedy) for number, finding in FINDINGS.items()]
    return (
        "# Settings\n\nMade from `django_integration/downman/settings.py`. They stand in the site's Django settings; the\n"
        "workers read the same ones. A site that takes them from environment variables of the same names\n"
        "(`settings_from_environment`, as the demo and the smallest site do) has lists written with commas, and truth as\n"
        "`true` or `false`.\n\n"
        + table("setting", "type", "unit", "default", "what it is", rows=rows)
        + "\n"
        + enum_table("Behaviours", policy.PackagingMode)
        + "\nAn administrator may change the behaviour, the cart limit, the validity and the public limit as the site runs,\n"
        "under *Download policy* in the admin; what is left empty there is the site's setting.\n\n"
        "## What is refused\n\nMade from `django_integration/downman/checks/findings.py`. Every command of Django looks, `manage.py check` tells;\n"
        "E is an error, with which services do not start, W a warning of `manage.py check --deploy`.\n\n"
        + table("number", "what is wrong", "what to do", rows=findings)
    )


def a_secret(variable: str) -> str:
    """Say that a value is secret, and where it may be instead."""
    return f" A secret; it may lie in a file, which `{variable}_FILE` names."


def environment_page() -> str:
    """Write the page of the environment variables of a deployment."""
    sections = [
        f"## {title}\n\n{settings.__doc__}\n\n"
        + table(
            "variable",
            "type",
            "unit",
            "default",
            "what it is",
            rows=[variable_row(settings, name) for name in own_fields(settings)],
        )
        for title, settings in SECTIONS.items()
    ]
    refused = [(" ".join(f"`{name}={value}`" for name, value in given.items()), refusal(given)) for given in EXAMPLES]
    return (
        "# Environment variables\n\nMade from the classes that read them. The settings of the app (`DOWNLOADS_...`) are on\n"
        "[another page](settings.md); `.env.example` has all of them in one file. What a secret is, and how it is kept, is\n"
        "[told here](../explanation/secrets.md).\n\n"
        + "\n".join(sections)
        + "\n## What is refused\n\nA start tells everything at once, a line each. Unknown names that begin with `DOWNMAN_`, `DOWNLOADS_` or\n"
        "`WARM_PROCESS_` are refused, and so are values that are not of the type above, that contradict each other, or that\n"
        "are unsafe. Each of these was given alone:\n\n" + table("given", "what is said", rows=refused)
    )


def own_fields(settings: type[BaseSettings]) -> list[str]:
    """Return the fields that a class declares itself."""
    return [name for name in settings.model_fields if name in settings.__annotations__]


def variable_row(settings: type[BaseSettings], name: str) -> tuple[str, ...]:
    """Write one variable of the environment."""
    field = settings.model_fields[name]
    variable = get_variable_name(settings, name)
    secret = field.annotation is SecretStr
    return (
        f"`{variable}`",
        kind_in_words(field),
        UNITS.get(name.rpartition("_")[2], ""),
        f"`{shown(field.default)}`" if shown(field.default) else "",
        (field.description or "") + (a_secret(variable) if secret else ""),
    )


def kind_in_words(field: FieldInfo) -> str:
    """Say of which type a variable is, and within which bounds."""
    kind = field.annotation
    options = get_args(kind)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f"`{option}`" if option else "nothing" for option in options)
    if get_origin(kind) is list:
        return "a list in JSON"
    if get_origin(kind) is UnionType:
        kind = next(option for option in options if option is not NoneType)
    words = "text" if kind is SecretStr else in_words(kind)
    bounds = {
        name: getattr(found, name) for found in field.metadata for name in ("ge", "gt", "le") if hasattr(found, name)
    }
    if "le" in bounds:
        return f"{words}, {bounds['ge']} to {bounds['le']}"
    return (
        words
        + (f", {bounds['ge']} or more" if "ge" in bounds else "")
        + (f", more than {bounds['gt']}" if "gt" in bounds else "")
    )


def shown(value: Any) -> str:
    """Write a default as one would set it."""
    if isinstance(value, SecretStr) or value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, list) else str(value)


def environment_example() -> str:
    """Write the file of all variables that a deployment may set, those that it must set first."""
    declared = {
        get_variable_name(settings, name): (
            settings.model_fields[name].description or "",
            shown(settings.model_fields[name].default),
        )
        for settings in SECTIONS.values()
        if settings is not DemoSettings
        for name in own_fields(settings)
    }
    for item in fields(AppSettings):
        name = f"{PREFIX}{item.name.upper()}"
        default = shown(item.default) if item.default is not MISSING else ""
        declared[name] = (item.metadata["sentence"], OF_THE_SMALLEST_SITE.get(name, default))
    secrets = set(secret_names())
    lines = ENVIRONMENT_EXAMPLE.splitlines()
    for name, remedy in MUST_BE_SET.items():
        hint = f" It may lie in a file instead: {name}_FILE=/path" if name in secrets else ""
        lines += ["", *comment(f"Needed: {declared[name][0]}{hint}"), *comment(f"({remedy})"), f"{name}="]
    lines += ["", "# --- All others, with their defaults ---"]
    for name, (sentence, default) in declared.items():
        if name not in MUST_BE_SET:
            quoted = f"'{default}'" if set(default) & set(' "[]()') else default
            lines += ["", *comment(sentence), f"#{name}={quoted}"]
    return "\n".join(lines) + "\n"


def comment(text: str) -> list[str]:
    """Write a sentence in lines of a file for shells."""
    return textwrap.wrap(
        text, width=118, initial_indent="# ", subsequent_indent="# ", break_long_words=False, break_on_hyphens=False
    )


def jobs_page() -> str:
    """Write the page of jobs, queues and schedules."""
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    meaning = to_sentences(jobs.Job)
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
        "# Jobs and queues\n\nMade from `prefect.yaml` and `django_integration/downman/domain/jobs.py`. Each job is a Prefect deployment whose\n"
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
        "# Errors of a part\n\nMade from `django_integration/downman/domain/errors.py`. The code is stored with the locator and in the manifest;\n"
        "the sentence is what a person reads, in their language.\n\n"
        + table("code", "what follows", "sentence", rows=sorted(rows))
    )


def metrics_page() -> str:
    """Write the page of the metrics."""
    # Its modules import the models, which need Django set up; the other pages do not.
    from downman.monitoring.metrics.exposition import GAUGES  # noqa: PLC0415

    rows = [
        (
            f"`{samples.PREFIX}{gauge.name}`",
            gauge.family().type,
            ", ".join(f"`{label}`" for label in gauge.labels),
            f"{gauge.meaning}.",
        )
        for gauge in GAUGES
    ]
    return (
        "# Metrics\n\nMade from `django_integration/downman/monitoring/metrics/`. They stand at `/downloads/metrics`, for those who may\n"
        "read them ([how](../how-to/watch-with-prometheus.md)). All are gauges, read anew from the database, the disks and\n"
        "Prefect: every process of the site gives the same. What is over counts for a day or an hour, so that reading them\n"
        "costs the same however many orders are kept. A part that cannot be read is missing, with `downman_part_up` 0.\n\n"
        + table("metric", "type", "labels", "meaning", rows=rows)
    )


def commands_page() -> str:
    """Write the page of the commands."""
    from downman_ops.cli.overview import overview  # noqa: PLC0415
    from downman_ops.commands import ExitStatus  # noqa: PLC0415
    from downman_ops.registry import COMMANDS  # noqa: PLC0415

    words = []
    for command in COMMANDS.values():
        parser = ArgumentParser(add_help=False)
        command.add_arguments(parser)
        rows = [
            (
                f"`{' '.join(filter(None, [', '.join(action.option_strings), _value_of(action)]))}`",
                f"{(action.help or '')[:1].upper()}{(action.help or '')[1:]}",
            )
            for action in parser._actions  # noqa: SLF001 - argparse tells of them nowhere else
        ]
        options = "\n" + table("option", "what it does", rows=rows) if rows else ""
        sentences = f"{command.help} {command.description}".strip()
        words.append(f"## `downman {command.name}`\n\n{sentences}\n{options}")
    meanings = re.findall(r"^    \w+ = (\d)  #: (.+)$", inspect.getsource(ExitStatus), flags=re.MULTILINE)
    return (
        "# Commands\n\nMade from `deployments/downman_ops/registry.py` and `cli/`. `downman --help` says:\n\n"
        f"```text\n{overview()}\n```\n\n"
        "A site of your own has those below as `manage.py downman COMMAND` too. What each replaces, and what it shows:\n"
        "[from Celery](from-celery.md). They give one JSON object with `--json`.\n\n"
        + table("exit status", "meaning", rows=meanings)
        + "\n"
        + "\n".join(words)
    )


def _value_of(action: Action) -> str:
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest.upper()) if action.nargs != 0 else ""


def pages() -> dict[Path, str]:
    """Return every page by its path."""
    return {
        PAGES / "states.md": states_page(),
        PAGES / "settings.md": settings_page(),
        PAGES / "environment.md": environment_page(),
        ROOT / ".env.example": environment_example(),
        PAGES / "jobs.md": jobs_page(),
        PAGES / "errors.md": errors_page(),
        PAGES / "metrics.md": metrics_page(),
        PAGES / "commands.md": commands_page(),
        PAGES / "faults.md": faults_page(table),
    }
