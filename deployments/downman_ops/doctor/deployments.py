"""Deployments, schedules and automations in Prefect, beside `prefect.yaml`."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from downman.domain.jobs import AutomationName
from downman.prefect_api import PAGE, PrefectApi
from downman.settings import prefect_names
from downman_ops.doctor.findings import BOOTSTRAP, Finding, ok, warning, wrong
from downman_ops.errors import ConfigurationError
from downman_ops.prefect_setup.prefect_file import PREFECT_FILE, DeploymentSpec, ScheduleSpec, read_prefect_file


def check_deployments(api: PrefectApi, file: Path = PREFECT_FILE) -> Iterator[Finding]:
    """Check every deployment of ours against the file."""
    try:
        wanted = {spec.name.value: spec for spec in read_prefect_file(file).deployments}
    except ConfigurationError as exc:
        yield wrong("deployments", str(exc), f"Put downman's own file back: {file}")
        return
    names = prefect_names()
    body = {"deployments": {"tags": {"all_": [names.tag]}}}
    found = {names.to_job(item["name"]): item for item in api.pages("deployments/filter", body, most=PAGE)}
    differing = [
        wrong(f"deployment {name}", "; ".join(differences), BOOTSTRAP)
        for name, spec in wanted.items()
        if (differences := list(_differences(spec, found.get(name))))
    ]
    yield from differing
    for name in sorted(set(found) - set(wanted)):
        yield warning(f"deployment {name}", f"it has the tag {names.tag} but is not in {file.name}", BOOTSTRAP)
    if not differing:
        yield ok("deployments", f"{len(wanted)}, as {file.name} says")


def check_automations(api: PrefectApi) -> Iterator[Finding]:
    """Check that Prefect frees the slots of runs that died, and has their orders recovered."""
    names = [prefect_names().to_automation(name) for name in AutomationName]
    body = {"automations": {"name": {"any_": names}}}
    found = {item["name"]: item["enabled"] for item in api.pages("automations/filter", body, most=PAGE)}
    for name in names:
        if name not in found:
            yield wrong("automations", f"there is no automation {name!r}", BOOTSTRAP)
        elif not found[name]:
            yield wrong("automations", f"the automation {name!r} is disabled", BOOTSTRAP)
    if all(found.get(name) for name in names):
        yield ok("automations", f"{len(names)}, enabled")


def _differences(spec: DeploymentSpec, found: Mapping[str, Any] | None) -> Iterator[str]:
    if found is None:
        yield "it is not there"
        return
    place, wanted_place = (
        (found["work_pool_name"], found["work_queue_name"]),
        (prefect_names().pool, spec.work_pool.work_queue_name),
    )
    if place != wanted_place:
        yield f"it is on {_path(place)}, not on {_path(wanted_place)}"
    if found["entrypoint"] != spec.entrypoint:
        yield f"it runs {found['entrypoint']}, not {spec.entrypoint}"
    if found["paused"]:
        yield "it is paused"
    schedules = {schedule["slug"] or schedule["id"]: schedule for schedule in found["schedules"]}
    for wanted in spec.schedules:
        yield from _schedule_differences(wanted, schedules.pop(wanted.slug, None))
    yield from (f"the schedule {slug} is not in the file" for slug in schedules)


def _schedule_differences(wanted: ScheduleSpec, found: Mapping[str, Any] | None) -> Iterator[str]:
    slug = wanted.slug
    if found is None:
        yield f"the schedule {slug} is not there"
        return
    if found["active"] != wanted.active:
        yield f"the schedule {slug} is {'paused' if wanted.active else 'not paused'}"
    for key in ("interval", "cron", "timezone"):
        value, expected = found["schedule"].get(key), getattr(wanted, key)
        if isinstance(expected, timedelta):
            value, expected = f"{value or 0:g} s", f"{expected.total_seconds():g} s"
        if expected is not None and value != expected:
            yield f"the schedule {slug} has the {key} {value}, not {expected}"


def _path(place: Sequence[str | None]) -> str:
    return "/".join(part or "none" for part in place)
