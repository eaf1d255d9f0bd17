"""Deployments, schedules and automations in Prefect, beside `prefect.yaml`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from downman.domain.jobs import TAG, WORK_POOL, AutomationName
from downman.prefect_api import PAGE, PrefectApi
from downman_ops.doctor.findings import BOOTSTRAP, Finding, ok, warning, wrong
from downman_ops.prefect_setup.prefect_yaml_path import prefect_file


def look_at_deployments(api: PrefectApi) -> Iterator[Finding]:
    """Compare every deployment of ours with the file."""
    file = prefect_file()
    try:
        wanted = {spec["name"]: spec for spec in yaml.safe_load(file.read_text())["deployments"]}
    except (OSError, yaml.YAMLError, LookupError, TypeError) as exc:
        yield wrong("deployments", f"{file} cannot be read: {type(exc).__name__}", "Put downman's own file back there.")
        return
    body = {"deployments": {"tags": {"all_": [TAG]}}}
    found = {item["name"]: item for item in api.pages("deployments/filter", body, most=PAGE)}
    differing = [
        wrong(f"deployment {name}", "; ".join(differences), BOOTSTRAP)
        for name, spec in wanted.items()
        if (differences := list(_differences(spec, found.get(name))))
    ]
    yield from differing
    for name in sorted(set(found) - set(wanted)):
        yield warning(f"deployment {name}", f"it has the tag {TAG} but is not in {file.name}", BOOTSTRAP)
    if not differing:
        yield ok("deployments", f"{len(wanted)}, as {file.name} says")


def look_at_automations(api: PrefectApi) -> Iterator[Finding]:
    """See that Prefect frees the places of runs that died, and has their orders taken up again."""
    body = {"automations": {"name": {"any_": list(AutomationName)}}}
    found = {item["name"]: item["enabled"] for item in api.pages("automations/filter", body, most=PAGE)}
    for name in AutomationName:
        if name not in found:
            yield wrong("automations", f"there is no automation {name.value!r}", BOOTSTRAP)
        elif not found[name]:
            yield wrong("automations", f"the automation {name.value!r} is disabled", BOOTSTRAP)
    if all(found.get(name) for name in AutomationName):
        yield ok("automations", f"{len(AutomationName)}, enabled")


def _differences(spec: Mapping[str, Any], found: Mapping[str, Any] | None) -> Iterator[str]:
    if found is None:
        yield "it is not there"
        return
    place, wanted_place = (found["work_pool_name"], found["work_queue_name"]), _place(spec)
    if place != wanted_place:
        yield f"it is on {_path(place)}, not on {_path(wanted_place)}"
    if found["entrypoint"] != spec["entrypoint"]:
        yield f"it runs {found['entrypoint']}, not {spec['entrypoint']}"
    if found["paused"]:
        yield "it is paused"
    schedules = {schedule["slug"] or schedule["id"]: schedule for schedule in found["schedules"]}
    for wanted in spec.get("schedules", ()):
        yield from _schedule_differences(wanted, schedules.pop(wanted["slug"], None))
    yield from (f"the schedule {slug} is not in the file" for slug in schedules)


def _schedule_differences(wanted: Mapping[str, Any], found: Mapping[str, Any] | None) -> Iterator[str]:
    slug = wanted["slug"]
    if found is None:
        yield f"the schedule {slug} is not there"
        return
    is_active = wanted.get("active", True)
    if found["active"] != is_active:
        yield f"the schedule {slug} is {'paused' if is_active else 'not paused'}"
    for key in ("interval", "cron", "timezone"):
        value = found["schedule"].get(key)
        if key in wanted and value != wanted[key]:
            yield f"the schedule {slug} has the {key} {value}, not {wanted[key]}"


def _place(spec: Mapping[str, Any]) -> tuple[str, str]:
    pool = spec["work_pool"]
    return pool.get("name", WORK_POOL), pool["work_queue_name"]


def _path(place: Sequence[str | None]) -> str:
    return "/".join(part or "none" for part in place)
