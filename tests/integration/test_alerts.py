"""The rules by which people are told are sound, fire when they should, and speak of what there is."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from downman.models import Resource
from downman.monitoring.metrics.exposition import GAUGES
from downman.monitoring.metrics.samples import PREFIX
from tests.integration.orders import order

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deployments" / "prometheus"
METRIC = re.compile(r"(downman_\w+)(?:\{([^}]*)\})?")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def names() -> set[str]:
    return {rule["alert"] for rule in rules()}


@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
        ("check", "config", "prometheus.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(words: tuple[str, ...]) -> None:
    said = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


def test_each_rule_is_seen_to_fire() -> None:
    tried = [
        case
        for test in yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {case["alertname"] for case in tried if case["exp_alerts"]} == names()
    assert len(names()) == len(rules())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_names_what_there_is(rule: dict[str, Any]) -> None:
    labels = {f"{PREFIX}{gauge.name}": gauge.labels for gauge in GAUGES}
    used = METRIC.findall(rule["expr"])
    assert used
    for metric, selector in used:
        assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)", selector)) <= set(labels[metric])
    of_all = {label for metric, _ in used for label in labels[metric]}
    grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in group.split(",")}
    assert grouped <= of_all
    # What the words name is there after the grouping.
    assert set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) <= grouped


@pytest.mark.django_db
def test_the_values_of_labels_are_given(resource: Resource, settings: Settings) -> None:
    settings.DOWNLOADS_PACKAGE_DIR.mkdir()
    order("dem")
    text = Client().get("/downloads/metrics").content.decode()
    given = {
        (sample.name, label, value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for label, value in sample.labels.items()
    }
    for rule in rules():
        for metric, selector in METRIC.findall(rule["expr"]):
            for label, values in re.findall(r'(\w+)(?:=~|!~|=)"([^"]*)"', selector):
                assert {(metric, label, value) for value in values.split("|")} <= given


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_says_what_to_do_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    said = rule["annotations"]
    assert set(said) == {"summary", "description", "runbook"}
    page, _, anchor = said["runbook"].partition("#")
    titles = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), flags=re.MULTILINE)
    assert anchor in {title.lower().replace(" ", "-") for title in titles}
