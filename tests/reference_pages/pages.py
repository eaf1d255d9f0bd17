"""The reference pages, made from the code. `python -m tests.reference_pages` writes them; a contract test compares."""

import inspect
import re
import textwrap
from argparse import Action, ArgumentParser
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from downman.checks.findings import FINDINGS
from downman.domain import jobs, notices, policy, status
from downman.domain.errors import PermanentError, TemporaryError
from downman.environment import get_variable_name
from downman.monitoring.metrics import samples
from downman.setting_types import describe, get_unit, is_secret
from downman.settings import AppSettings, PoolChoice, PrefectConnection
from downman_ops.launch.environment import get_all_secret_names
from downman_ops.launch.service_settings import ServiceSettings
from downman_ops.settings import DemoSettings, PoolSettings
from downman_site.environment import REQUIRED, SiteEnvironment
from prefect_warm_process.settings import WarmProcessSettings
from tests.acceptance.faults.page import faults_page
from tests.bad_inputs import bad_inputs_page
from tests.reference_pages.limits import limits_page
from tests.reference_pages.rejections import EXAMPLES, rejection

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"
SECTIONS: Mapping[str, type[BaseSettings]] = {
    "Prefect's server": PrefectConnection,
    "Site": SiteEnvironment,
    "Services": ServiceSettings,
    "Several sites": PoolChoice,
    "Work pool, queues and mail server": PoolSettings,
    "Worker of the type `warm-process`": WarmProcessSettings,
    "Demo": DemoSettings,
}
#: The variables that an installation must set, each with what to set it to.
MUST_BE_SET: Mapping[str, str] = {
    **REQUIRED,
    "DOWNMAN_PREFECT_DATABASE_URL": "a database of its own: postgresql://user:password@host/prefect",
    "PREFECT_API_AUTH_STRING": "generate one: python3 -c 'import secrets; print(\"admin:\" + secrets.token_urlsafe(18))'",
}
#: The defaults of the reference site, where they differ from those of the app.
REFERENCE_SITE_DEFAULTS = {
    "DOWNLOADS_PACKAGE_DIR": "/var/lib/downman/packages",
    "DOWNLOADS_STAGING_DIR": "/var/lib/downman/staging",
    "DOWNLOADS_PREFECT_API_URL": "",
}
ENVIRONMENT_EXAMPLE = """\
# All environment variables of downman; generated from the code (python -m tests.reference_pages).
# Copy this file, fill in what is marked as required, and remove the # before each variable that you change. Write one
# NAME=value per line, with single quotes around a value that is not one plain word, and nothing after it. Keep the copy
# private: chmod 600.

# --- Required ---

# The site's Django settings: the reference site, or your own.
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
    rows = [
        setting_row(AppSettings, name, f"`{in_python(field.get_default(call_default_factory=True))}`")
        for name, field in AppSettings.model_fields.items()
    ]
    findings = [(f"`downloads.{number}`", finding.problem, finding.hint) for number, finding in FINDINGS.items()]
    return (
        "# Settings\n\nGenerated from `django_integration/downman/settings.py`. They belong in the site's Django settings; the workers\n"
        "read the same ones. A site can take them from environment variables of the same names with\n"
        "`settings_from_environment`, as the demo and the reference site do; lists are then written with commas, and truth\n"
        "values as `true` or `false`.\n\n"
        + table("setting", "type", "unit", "default", "description", rows=rows)
        + "\n"
        + enum_table("Behaviours", policy.PackagingMode)
        + "\nAn administrator can change the behaviour, the cart limit, the validity, the public limit and the\n"
        "[limits](limits.md) while the site runs, under *Download policy* in the admin; whatever is left empty there follows\n"
        "the site's setting.\n\n"
        "## What is rejected\n\nGenerated from `django_integration/downman/checks/findings.py`. Every management command runs these checks;\n"
        "`manage.py check` shows their results. E is an error, with which services do not start, W a warning of\n"
        "`manage.py check --deploy`.\n\n" + table("number", "problem", "what to do", rows=findings)
    )


def in_python(value: Any) -> str:
    """Write a default as one would set it in Django's settings."""
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    return repr(str(plain) if isinstance(plain, StrEnum) else plain).replace("PosixPath", "Path")


def setting_row(kind: type[BaseSettings], name: str, default: str) -> tuple[str, ...]:
    """Write one setting: its name, type with bounds, unit, default and description."""
    field, variable = kind.model_fields[name], get_variable_name(kind, name)
    secret = f" A secret; it may lie in a file named by `{variable}_FILE`." if is_secret(field) else ""
    return (f"`{variable}`", describe(field), get_unit(name, field), default, f"{field.description}{secret}")


def environment_page() -> str:
    """Write the page of the environment variables of a deployment."""
    sections = [
        f"## {title}\n\n{settings.__doc__}\n\n"
        + table(
            "variable",
            "type",
            "unit",
            "default",
            "description",
            rows=[
                setting_row(
                    settings,
                    name,
                    f"`{text}`"
                    if (text := shown(settings.model_fields[name].get_default(call_default_factory=True)))
                    else "",
                )
                for name in own_fields(settings)
            ],
        )
        for title, settings in SECTIONS.items()
    ]
    rejected = [
        (" ".join(f"`{name}={value}`" for name, value in given.items()), rejection(given)) for given in EXAMPLES
    ]
    return (
        "# Environment variables\n\nGenerated from the classes that read them. The settings of the app (`DOWNLOADS_...`) have [a page of their\n"
        "own](settings.md); `.env.example` contains all of them in one file. Which values are secrets, and how they are\n"
        "protected, is explained [here](../explanation/secrets.md). Lists are written with commas.\n\n"
        + "\n".join(sections)
        + "\n## What is rejected\n\nA process that starts reports all problems at once, a line each. Unknown names that begin with `DOWNMAN_`,\n"
        "`DOWNLOADS_` or `WARM_PROCESS_` are rejected, and so are values that do not have the type above, contradict each\n"
        "other, or are unsafe. Each of these examples was given alone:\n\n" + table("given", "message", rows=rejected)
    )


def own_fields(settings: type[BaseSettings]) -> list[str]:
    """Return the fields that a class declares itself."""
    return [name for name in settings.model_fields if name in settings.__annotations__]


def shown(value: Any) -> str:
    """Write a default as one would set it."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ",".join(f"{name}={path}" for name, path in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def environment_example() -> str:
    """Write the file of all variables that a deployment may set, beginning with those that it must set."""
    kinds: list[type[BaseSettings]] = [*SECTIONS.values(), AppSettings]
    declared = {
        get_variable_name(kind, name): (
            kind.model_fields[name].description or "",
            shown(kind.model_fields[name].get_default(call_default_factory=True)),
        )
        for kind in kinds
        if kind is not DemoSettings
        for name in own_fields(kind)
    }
    secrets = set(get_all_secret_names())
    lines = ENVIRONMENT_EXAMPLE.splitlines()
    for name, value_hint in MUST_BE_SET.items():
        hint = f" It may lie in a file instead: {name}_FILE=/path" if name in secrets else ""
        lines += ["", *comment(f"Required: {declared[name][0]}{hint}"), *comment(f"({value_hint})"), f"{name}="]
    lines += ["", "# --- All others, with their defaults ---"]
    for name, (sentence, default) in declared.items():
        if name not in MUST_BE_SET:
            value = REFERENCE_SITE_DEFAULTS.get(name, default)
            quoted = f"'{value}'" if set(value) & set(' "[]()') else value
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
                schedules or "on demand",
                meaning[item["name"]],
            )
        )
    return (
        "# Jobs and queues\n\nMade from `prefect.yaml` and `django_integration/downman/domain/jobs.py`. Each job is a Prefect deployment whose\n"
        f"flow has the same name; all run in the work pool `{jobs.DEFAULT_POOL}`. In another pool (`DOWNMAN_POOL`) the name of\nthe deployment begins with that of the pool.\n\n"
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
        + table("exit status", "meaning", rows=[*meanings, *_BY_SIGNAL])
        + "\n"
        + "\n".join(words)
    )


#: What a shell sees of a command that a signal ended.
_BY_SIGNAL = [
    ("130", "Ctrl-C interrupted it; with `--watch`, and for `demo`, Ctrl-C is the usual end (0)."),
    ("141", "What read its output, such as `head`, has read enough."),
]


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
        PAGES / "bad-inputs.md": bad_inputs_page(table),
        PAGES / "limits.md": limits_page(table, to_sentences),
    }
