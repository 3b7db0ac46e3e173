"""The Helm chart makes what the overlays of deploy/kubernetes make, so what is tested there holds for it."""

import copy
import importlib
import platform
import re
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import yaml

from shared.version import VERSION
from tests.conftest import ROOT
from tests.deploy.manifests import PLAIN, rendered

CHART = ROOT / "deploy" / "helm" / "weighbridge"
if sys.platform == "linux" and platform.machine() != "x86_64":
    pytest.skip("Helm's library has no wheel for this machine", allow_module_level=True)
helm = importlib.import_module("helm_python")

IN_PRODUCTION = {
    "ingress": {"enabled": True},
    "monitoring": {"enabled": True},
    "volume": {"size": "4Ti", "storageClass": "shared-files"},
    "worker": {"autoscaling": {"by": "keda"}},
}
# Values, and the overlay that they stand for.
SAME = {
    "production": IN_PRODUCTION,
    PLAIN: IN_PRODUCTION | {"worker": {"autoscaling": {"by": "cpu", "min": 2, "max": 10}}},
    "volume-per-worker": IN_PRODUCTION
    | {"volume": {"perWorker": True, "size": "2Ti"}, "worker": {"replicas": 3}},
}
OF_HELM = {"helm.sh/chart", "app.kubernetes.io/managed-by"}


def _render(values: dict[str, Any]) -> list[Any]:
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        texts = chart.render(values, name="weighbridge", namespace="weighbridge", revision=1, is_install=True)
    return [
        found
        for name, text in texts.items()
        if name.endswith(".yaml")
        for found in yaml.safe_load_all(text)
        if found
    ]


@cache
def _of_overlay(overlay: str) -> dict[str, Any]:
    return _plain([found for found in rendered(overlay).objects if found["kind"] != "Namespace"])


@pytest.mark.parametrize("overlay", SAME)
def test_the_chart_makes_what_the_overlay_makes(overlay: str) -> None:
    chart = _plain(_render(SAME[overlay]))
    assert chart.keys() == _of_overlay(overlay).keys()
    for name, found in chart.items():
        assert found == _of_overlay(overlay)[name], name


@pytest.mark.parametrize("overlay", SAME)
def test_helm_finds_nothing_wrong(overlay: str) -> None:
    report = helm.lint(CHART, SAME[overlay], strict=True, namespace="weighbridge")
    assert report["errors"] == []
    # 2 and more: warnings and errors.
    assert [message for message in report["messages"] if message["severity"] > 1] == []


def test_a_small_installation_needs_nothing_that_a_cluster_may_lack() -> None:
    kinds = {found["kind"] for found in _render({"api": {"autoscaling": {"enabled": False}}})}
    assert not kinds & {"ScaledObject", "ServiceMonitor", "HorizontalPodAutoscaler", "Ingress"}
    assert {"Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget"} <= kinds


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"settings": {"HF_TOKEN": "hf_x"}}, "HF_TOKEN"),
        ({"image": {"tag": "latest"}}, "tag"),
        ({"volume": {"perWorker": True}, "worker": {"autoscaling": {"by": "keda"}}}, "takes its models"),
        ({"workers": {}}, "workers"),
    ],
)
def test_values_that_would_do_harm_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(helm.HelmError, match=said):
        _render(values)


def test_a_changed_setting_rolls_the_pods_and_each_revision_migrates_anew() -> None:
    def checksums(**settings: str) -> set[str]:
        return {
            found["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
            for found in _render({"settings": settings})
            if found["kind"] == "Deployment"
        }

    (before,), (after,) = checksums(), checksums(LOG_LEVEL="DEBUG")
    assert before != after
    with helm.Chart.load(CHART) as chart:
        later = chart.render({}, name="weighbridge", namespace="weighbridge", revision=7)
    assert "weighbridge-migrate-7" in later["weighbridge/templates/migrate.yaml"]


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == VERSION


def _plain(objects: list[Any]) -> dict[str, Any]:
    """By kind and name, without what is Helm's or kustomize's own: labels, checksums, names with a hash."""
    found = {}
    for each in copy.deepcopy(objects):
        metadata = each["metadata"]
        metadata["name"] = re.sub(r"^(weighbridge-migrate)-\d+$", r"\1", metadata["name"])
        metadata["labels"] = {
            key: value for key, value in metadata.get("labels", {}).items() if key not in OF_HELM
        }
        for where in (metadata, each.get("spec", {}).get("template", {}).get("metadata", {})):
            for name in ("checksum/settings", "helm.sh/resource-policy"):
                where.get("annotations", {}).pop(name, None)
            if not where.get("annotations", True):
                del where["annotations"]
        each = _walk(each, lambda text: re.sub(r"^(weighbridge-settings)-[a-z0-9]+$", r"\1", text))
        found[f"{each['kind']} {each['metadata']['name']}"] = each
    return found


def _walk(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _walk(each, change) for key, each in value.items()}
    if isinstance(value, list):
        return [_walk(each, change) for each in value]
    return change(value) if isinstance(value, str) else value
