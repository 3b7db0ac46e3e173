"""The dashboard, the alert rules and the list of metrics speak of what /metrics really tells."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client import Metric

from api_service.gauges import Gauges
from api_service.hub_breaker import HubBreaker
from shared.database import Database
from shared.metrics import metrics
from shared.redis_client import connect
from shared.settings import Settings
from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "observability"
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


@pytest.fixture
def exposed(database: Database, redis: Any, settings: Settings) -> list[Metric]:
    breaker = HubBreaker(connect(settings, decode=False), failure_threshold=1, recovery_seconds=1)
    return [*metrics().registry.collect(), *Gauges(database, redis, breaker).collect()]


def _series(exposed: list[Metric]) -> set[str]:
    return {family.name + suffix for family in exposed for suffix in _SUFFIXES[family.type]}


def _rules() -> list[Any]:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _panels() -> list[Any]:
    return json.loads((FOLDER / "dashboard.json").read_text())["panels"]


def _named(expressions: Iterator[str]) -> set[str]:
    return {name for expr in expressions for name in re.findall(r"\bweighbridge_\w+", expr)}


def _expressions() -> Iterator[str]:
    return (target["expr"] for panel in _panels() for target in panel.get("targets", ()))


def test_every_metric_is_documented_and_no_other(exposed: list[Metric]) -> None:
    text = (ROOT / "docs" / "observability.md").read_text()
    documented = dict(re.findall(r"^\| `(weighbridge_\w+)` \| (\w+) \|", text, re.M))
    told = {family.name + ("_total" if family.type == "counter" else ""): family.type for family in exposed}
    assert documented == told


def test_the_documented_labels_are_those_of_the_metrics() -> None:
    text = (ROOT / "docs" / "observability.md").read_text()
    documented = dict(re.findall(r"^\| `(weighbridge_\w+)` \| \w+ \| ([^|]*) \|", text, re.M))
    for name in vars(metrics()).keys() - {"registry"}:
        metric = getattr(metrics(), name)
        full = metric._name + ("_total" if metric._type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)
        assert documented[full].strip() == labels, full


def test_the_alerts_ask_for_series_that_there_are(exposed: list[Metric]) -> None:
    assert _named(rule["expr"] for rule in _rules()) <= _series(exposed)


def test_the_dashboard_shows_every_metric_and_no_other(exposed: list[Metric]) -> None:
    shown = _named(_expressions())
    assert shown <= _series(exposed)
    for family in exposed:
        assert shown & {family.name + suffix for suffix in _SUFFIXES[family.type]}, family.name


def test_the_dashboard_reads_the_source_that_is_chosen_and_no_panels_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in _panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    ids = [panel["id"] for panel in _panels()]
    assert len(ids) == len(set(ids))


def test_every_alert_says_how_bad_it_is_and_names_its_section_of_the_guide() -> None:
    for rule in _rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert {"summary", "description"} < rule["annotations"].keys(), rule["alert"]
        assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_every_alert_is_tried_and_described() -> None:
    tried = (FOLDER / "alerts_test.yaml").read_text()
    described = (ROOT / "docs" / "observability.md").read_text()
    guide = ROOT / "docs" / "operations.md"
    for rule in _rules():
        name = rule["alert"]
        assert f"alertname: {name}" in tried, f"{name}: when does it not fire?"
        assert f'alertname="{name}"' in tried, f"{name}: when does it fire?"
        assert f"`{name}`" in described, name
        assert not guide.exists() or f"### {name}\n" in guide.read_text(), name
