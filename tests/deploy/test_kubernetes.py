"""What deploy/kubernetes renders to: valid for the clusters that we name, and by our own rules."""

import json
import re
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

import api_service
from shared.settings import Settings, setting_names
from shared.task_names import QueueName
from shared.version import VERSION
from tests.conftest import ROOT
from tests.deploy import crds
from tests.deploy.manifests import (
    FOLDER,
    OURS,
    QUEUE_OF_ROLE,
    RENDERS,
    ROLES,
    Manifests,
    Pod,
    rendered,
)
from worker_service.context import NEEDS as WORKER_NEEDS

# The oldest that takes all of it, and the newest known here.
CLUSTERS = ("1.30", "1.37")
SECRETS = {
    str(field.validation_alias)
    for field in Settings.model_fields.values()
    if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
}
NEEDS = {"api": api_service.NEEDS, "migrate": ("database_url",)}
UNITS = {"m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "": 1}


@pytest.fixture(params=RENDERS)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return rendered(request.param)


def test_kubernetes_takes_every_object() -> None:
    # Most objects are the same in several renders, and to look at one takes a while.
    unique = {json.dumps(found): found for name in RENDERS for found in rendered(name).objects}
    for found in unique.values():
        if found["kind"] in crds.SCHEMAS:
            jsonschema.validate(found, crds.SCHEMAS[found["kind"]])
            continue
        for version in CLUSTERS:
            kubernetes_validate.validate(found, version, strict=True)


def test_every_queue_is_consumed(manifests: Manifests) -> None:
    roles = {container["args"][0] for _, container in manifests.our_containers}
    assert roles == ROLES
    assert {QUEUE_OF_ROLE[role] for role in roles & QUEUE_OF_ROLE.keys()} == set(QueueName)


def test_each_volume_of_its_own_has_both_pools_and_its_name() -> None:
    (pod,) = [pod for pod in rendered("volume-per-worker").pods if pod.kind == "StatefulSet"]
    assert {container["args"][0] for container in pod.containers} == QUEUE_OF_ROLE.keys()
    for container in pod.containers:
        seen = rendered("volume-per-worker").environment(container)
        assert seen["WEIGHBRIDGE_VOLUME"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    # In one pod no two can listen at one port.
    told = [
        rendered("volume-per-worker").environment(each)["WEIGHBRIDGE_METRICS_PORT"] for each in pod.containers
    ]
    assert sorted(told) == sorted(str(port) for port in pod.ports.values())
    assert len(set(told)) == 2


def test_every_setting_stands_in_the_manifests() -> None:
    named = set(
        re.findall(r"^#?([A-Z][A-Z_]+)=", (FOLDER / "base" / "settings.env").read_text(), re.MULTILINE)
    )
    by_pod = {name for _, each in _everything() for name in _named(each)}
    assert set(setting_names()) - named - by_pod == set(), "add them to deploy/kubernetes/base/settings.env"
    assert (named | by_pod) - set(setting_names()) == set(), "no such setting"


def test_what_is_left_at_its_default_says_the_right_one() -> None:
    defaults = dict(_lines(ROOT / ".env.example", r"^# ([A-Z_]+)=(.*)$"))
    for name, value in _lines(FOLDER / "base" / "settings.env", r"^#([A-Z_]+)=(.*)$"):
        assert defaults[name] == value, name


def test_every_process_starts_with_what_it_is_given(manifests: Manifests) -> None:
    for pod, container in manifests.our_containers:
        seen = manifests.environment(container)
        role = container["args"][0]
        given = {name: _as_given(name, value) for name, value in seen.items() if name in setting_names()}
        settings = Settings.model_validate(given)
        missing = [need for need in NEEDS.get(role, WORKER_NEEDS) if getattr(settings, need) is None]
        assert not missing, f"{pod.name} {role}"
        assert settings.log_format == "json"
        # A Service's variables look like settings: WEIGHBRIDGE_API_PORT=tcp://…
        assert pod.spec["enableServiceLinks"] is False


def test_every_secret_comes_from_a_secret_and_none_is_written_down(manifests: Manifests) -> None:
    assert manifests.of("Secret") == []
    for found in manifests.of("ConfigMap"):
        assert not SECRETS & found["data"].keys()
    documented = (ROOT / "docs" / "kubernetes.md").read_text()
    for _, container in manifests.our_containers:
        for name, value in manifests.environment(container).items():
            assert (name in SECRETS) == (isinstance(value, dict) and "secretKeyRef" in value), name
            if name in SECRETS:
                assert value["secretKeyRef"]["key"] == name
                assert f"{name}=" in documented


def test_a_process_gets_the_secrets_that_it_needs_and_no_others(manifests: Manifests) -> None:
    held: dict[str, set[str]] = {}
    for _, container in manifests.our_containers:
        held[container["args"][0]] = SECRETS & manifests.environment(container).keys()
    stores = {"DATABASE_URL", "REDIS_URL", "WEIGHBRIDGE_SECRET_KEYS"}
    assert held == {
        "api": SECRETS,
        "worker": {*stores, "HF_TOKEN"},
        "control": stores,
        "seed": stores,
        "migrate": {"DATABASE_URL"},
    }


def test_no_container_can_become_root_or_reach_its_node_or_the_cluster(manifests: Manifests) -> None:
    for pod in manifests.pods:
        assert pod.spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.spec.keys()
        assert not [volume for volume in pod.spec["volumes"] if "hostPath" in volume]
        assert pod.spec["securityContext"]["runAsNonRoot"] is True
        assert pod.spec["securityContext"]["runAsUser"] > 0
        assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod.containers:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
    for namespace in manifests.of("Namespace"):
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_what_a_process_writes_lies_on_a_volume(manifests: Manifests) -> None:
    for pod, container in manifests.our_containers:
        seen, role = manifests.environment(container), container["args"][0]
        assert pod.volume(container, "/tmp") == ("emptyDir", True)
        assert pod.volume(container, seen["WEIGHBRIDGE_DATA_DIR"]) == ("emptyDir", True)
        if role in QUEUE_OF_ROLE:
            assert pod.volume(container, seen["WEIGHBRIDGE_HEARTBEAT_FILE"]) == ("emptyDir", True)
            assert pod.volume(container, seen["HF_HUB_CACHE"]) == ("persistentVolumeClaim", True)
        else:
            # The API never touches the volume, and the seed only looks.
            assert pod.volume(container, seen["HF_HUB_CACHE"])[1] is False


def test_every_image_is_pinned_and_ours_are_of_this_version(manifests: Manifests) -> None:
    for pod in manifests.pods:
        for container in pod.containers:
            image, _, tag = container["image"].rpartition(":")
            assert re.fullmatch(r"\d+\.\d+.*", tag), container["image"]
            assert "." not in image.split("/")[0], "which registry is asked is the cluster's business"
            assert image not in OURS or tag == VERSION


def test_every_container_says_what_it_takes(manifests: Manifests) -> None:
    for pod in manifests.pods:
        for container in pod.containers:
            requests, limits = container["resources"]["requests"], container["resources"]["limits"]
            assert requests.keys() == limits.keys() == {"cpu", "memory", "ephemeral-storage"}
            for what in requests:
                assert 0 < _amount(requests[what]) <= _amount(limits[what]), f"{pod.name} {what}"


def test_a_worker_has_memory_for_all_its_downloads_at_once(manifests: Manifests) -> None:
    for _, container in manifests.our_containers:
        if container["args"] == ["worker"]:
            downloads = int(manifests.environment(container)["WEIGHBRIDGE_DOWNLOAD_CONCURRENCY"])
            # docs/kubernetes.md: at rest, and for each download.
            at_work = (194 + 64 * downloads) * 2**20
            assert _amount(container["resources"]["requests"]["memory"]) >= at_work
            assert _amount(container["resources"]["limits"]["memory"]) >= 2 * at_work


def test_every_server_is_probed_from_its_start_to_its_end(manifests: Manifests) -> None:
    for pod in manifests.pods:
        for container in pod.spec["containers"] if pod.kind != "Job" else []:
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), pod.name
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                port = (container[probe].get("httpGet") or container[probe].get("tcpSocket") or {}).get(
                    "port"
                )
                assert port is None or port in pod.ports


def test_the_api_is_restarted_for_itself_alone_and_begins_when_all_is_there(manifests: Manifests) -> None:
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    (api,) = [each for _, each in manifests.our_containers if each["args"] == ["api"]]
    probes = {kind: api[kind]["httpGet"]["path"] for kind in api if kind.endswith("Probe")}
    assert probes == {
        "startupProbe": "/readyz",
        "readinessProbe": "/healthz",
        "livenessProbe": "/healthz",
    }
    for path in probes.values():
        assert paths[path]["get"]["security"] == [], "the kubelet has no token"


def test_a_pod_that_goes_has_time_to_give_its_work_back(manifests: Manifests) -> None:
    for pod in manifests.pods:
        grace = pod.spec.get("terminationGracePeriodSeconds", 30)
        if pod.component == "api":
            pause = pod.containers[0]["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert grace >= pause + 10  # gunicorn's graceful timeout of 3 s, and room
        elif pod.component in QUEUE_OF_ROLE:
            assert grace >= 30  # a drain is done within 10 s (docs/reliability.md)


def test_the_tables_are_made_before_the_models_are_seeded(manifests: Manifests) -> None:
    (job,) = [pod for pod in manifests.pods if pod.kind == "Job"]
    assert [each["args"] for each in job.spec["initContainers"]] == [["migrate"]]
    assert [each["args"] for each in job.spec["containers"]] == [["seed"]]
    assert job.spec["restartPolicy"] == "OnFailure"


def _everything() -> list[tuple[Pod, Any]]:
    return [found for name in RENDERS for found in rendered(name).our_containers]


def _named(container: Any) -> set[str]:
    return {entry["name"] for entry in container.get("env", [])}


def _lines(path: Any, pattern: str) -> list[tuple[str, str]]:
    return re.findall(pattern, path.read_text(), re.MULTILINE)


def _as_given(name: str, value: Any) -> str:
    """A value as the process gets it, with something that fits where a Secret or the cluster gives it."""
    if not isinstance(value, dict):
        return str(value)
    if value.get("secretKeyRef", {}).get("optional"):
        return ""
    known = {
        "DATABASE_URL": "postgresql://weighbridge:x@weighbridge-postgres/weighbridge",
        "REDIS_URL": "redis://:x@weighbridge-valkey:6379/0",
        "WEIGHBRIDGE_SECRET_KEYS": Fernet.generate_key().decode(),
    }
    return known.get(name, "weighbridge-worker-0")


def _amount(text: str) -> float:
    found = re.fullmatch(r"([0-9.]+)(m|Ki|Mi|Gi|)", str(text))
    assert found, text
    return float(found[1]) * UNITS[found[2]]
