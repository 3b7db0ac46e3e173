"""What `kubectl kustomize` makes of deploy/kubernetes, once for each overlay, and ways to ask about it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("single-node", "production", "volume-per-worker")
# Production without KEDA in the cluster: what its kustomization says in a comment.
PLAIN = "production with the plain autoscaler"
RENDERS = (*OVERLAYS, PLAIN)
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
WORKLOADS = ("Deployment", "StatefulSet", "Job")
# The words after the image's entry point, `python -m deploy.serve`, and the queue that each one consumes.
QUEUE_OF_ROLE = {"worker": "downloads", "control": "control"}
ROLES = {"api", "migrate", "seed", *QUEUE_OF_ROLE}
OURS = ("weighbridge/api", "weighbridge/worker")


@dataclass(frozen=True)
class Pod:
    """The pods of one workload."""

    kind: str
    name: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def component(self) -> str:
        return self.labels[COMPONENT]

    @property
    def containers(self) -> list[Any]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def ports(self) -> dict[str, int]:
        return {
            port["name"]: port["containerPort"]
            for container in self.containers
            for port in container.get("ports", [])
        }

    def volume(self, container: Mapping[str, Any], path: str) -> tuple[str | None, bool]:
        """(what kind of volume holds a path, whether it may be written); None: the image."""
        kinds = {
            volume["name"]: next(key for key in volume if key != "name")
            for volume in self.spec.get("volumes", [])
        }
        mounts = sorted(container["volumeMounts"], key=lambda mount: len(mount["mountPath"]), reverse=True)
        for mount in mounts:
            if Path(path).is_relative_to(mount["mountPath"]):
                # What no volume of the pod names comes from a volumeClaimTemplate.
                return kinds.get(mount["name"], "persistentVolumeClaim"), not mount.get("readOnly", False)
        return None, False


@dataclass(frozen=True)
class Manifests:
    """Every object of one installation."""

    objects: tuple[Any, ...]

    def of(self, *kinds: str) -> list[Any]:
        return [found for found in self.objects if found["kind"] in kinds]

    def one(self, kind: str, name: str) -> Any:
        (found,) = [found for found in self.of(kind) if found["metadata"]["name"] == name]
        return found

    @property
    def pods(self) -> list[Pod]:
        return [
            Pod(
                found["kind"],
                found["metadata"]["name"],
                found["spec"]["template"]["metadata"]["labels"],
                found["spec"]["template"]["spec"],
            )
            for found in self.of(*WORKLOADS)
        ]

    @property
    def our_containers(self) -> Iterator[tuple[Pod, Any]]:
        """Those that run Weighbridge itself."""
        for pod in self.pods:
            for container in pod.containers:
                if container["image"].rpartition(":")[0] in OURS:
                    yield pod, container

    def selected(self, selector: Mapping[str, Any]) -> list[Pod]:
        """The pods that a label selector means."""
        return [pod for pod in self.pods if _matches(selector, pod.labels)]

    def environment(self, container: Mapping[str, Any]) -> dict[str, Any]:
        """What a process sees: text, or the {secretKeyRef: …} or {fieldRef: …} that it comes from."""
        seen: dict[str, Any] = {}
        for source in container.get("envFrom", []):
            seen |= self.one("ConfigMap", source["configMapRef"]["name"])["data"]
        for entry in container.get("env", []):
            seen[entry["name"]] = entry.get("value", entry.get("valueFrom"))
        return seen


@cache
def rendered(name: str) -> Manifests:
    """One of RENDERS."""
    if name != PLAIN:
        return _kustomize(FOLDER / "overlays" / name)
    with tempfile.TemporaryDirectory() as folder:
        text = (FOLDER / "overlays" / "production" / "kustomization.yaml").read_text()
        # kubectl wants relative paths; the temporary folder may itself be behind a link.
        up = os.path.relpath(FOLDER, Path(folder).resolve())
        text = text.replace("components/keda", "components/hpa").replace("../..", up)
        (Path(folder) / "kustomization.yaml").write_text(text)
        return _kustomize(Path(folder).resolve())


def _kustomize(folder: Path) -> Manifests:
    kubectl = Path(sys.executable).with_name("kubectl")
    ran = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return Manifests(tuple(yaml.safe_load_all(ran.stdout)))


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", "no other is used here"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(key) == value for key, value in wanted)
