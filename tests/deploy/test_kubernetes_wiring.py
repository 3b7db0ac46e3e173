"""How the objects of deploy/kubernetes hang together: what selectors mean, and who may call whom."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from api_service import LARGEST_BODY
from api_service.routes.events import HEARTBEAT
from tests.deploy.manifests import OVERLAYS, QUEUE_OF_ROLE, RENDERS, Manifests, Pod, rendered

EVERYWHERE = "everywhere"
MONITORED = ("production", "volume-per-worker")


@pytest.fixture(params=RENDERS)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return rendered(request.param)


def test_every_selector_means_the_pods_of_its_own_component(manifests: Manifests) -> None:
    for found in manifests.of("Deployment", "StatefulSet"):
        (pod,) = manifests.selected(found["spec"]["selector"])
        assert pod.name == found["metadata"]["name"]
    for found in manifests.of("Service"):
        selected = manifests.selected({"matchLabels": found["spec"]["selector"]})
        if found["metadata"]["name"] == "weighbridge-nobody":
            assert selected == []
            continue
        (pod,) = selected
        for port in found["spec"]["ports"]:
            assert port["targetPort"] in pod.ports
    for found in manifests.of("NetworkPolicy"):
        assert manifests.selected(found["spec"]["podSelector"]), found["metadata"]["name"]


def test_every_server_of_ours_has_one_disruption_budget_that_lets_a_node_be_emptied(
    manifests: Manifests,
) -> None:
    budgets = manifests.of("PodDisruptionBudget")
    for pod in manifests.pods:
        mine = [budget for budget in budgets if pod in manifests.selected(budget["spec"]["selector"])]
        assert len(mine) == (1 if pod.component in {"api", *QUEUE_OF_ROLE} else 0), pod.name
        assert all(budget["spec"]["maxUnavailable"] == 1 for budget in mine)


def test_a_rollout_takes_no_pod_away_before_its_successor_serves(manifests: Manifests) -> None:
    for found in manifests.of("Deployment"):
        assert found["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_pods_use_the_settings_volumes_and_accounts_that_are_there(manifests: Manifests) -> None:
    names = {(found["kind"], found["metadata"]["name"]) for found in manifests.objects}
    for pod in manifests.pods:
        assert ("ServiceAccount", pod.spec["serviceAccountName"]) in names
        for volume in pod.spec["volumes"]:
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in names
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names
    claims = {kind for kind, _ in names if kind == "PersistentVolumeClaim"}
    assert bool(claims) != any(
        pod.kind == "StatefulSet" and pod.component == "worker" for pod in manifests.pods
    )


def test_many_workers_share_a_volume_that_many_may_mount() -> None:
    (shared,) = rendered("production").of("PersistentVolumeClaim")
    assert shared["spec"]["accessModes"] == ["ReadWriteMany"]
    # On one node ReadWriteOnce is enough for any number of pods.
    (single,) = rendered("single-node").of("PersistentVolumeClaim")
    assert single["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_nobody_is_called_but_by_whom_the_policies_name(manifests: Manifests) -> None:
    # What a cluster without any policy for a pod would allow: everything.
    for pod in manifests.pods:
        kinds = {kind for policy in _policies(manifests, pod) for kind in policy["policyTypes"]}
        assert kinds == {"Ingress", "Egress"}, pod.name
    called = {pod.component: _callers(manifests, pod) for pod in manifests.pods}
    has_metrics = bool(manifests.of("PodMonitor"))
    scraped = {("namespace monitoring", "metrics")} if has_metrics else set()
    if any(pod.kind == "StatefulSet" and pod.component == "worker" for pod in manifests.pods):
        scraped |= {("namespace monitoring", "control-metrics")}
    assert called.pop("api") == {
        ("namespace ingress", "http"),
        *({("namespace monitoring", "http")} if has_metrics else ()),
    }
    assert called.pop("migrate") == set()
    for role in called.keys() & QUEUE_OF_ROLE.keys():
        assert called.pop(role) == scraped
    ours = {"api", "control", "migrate", "worker"}
    assert called == {
        store: {(f"pod {component}", store) for component in ours} for store in called.keys() & _STORES.keys()
    }


def test_a_pod_calls_the_stores_and_only_those_that_must_call_the_world(manifests: Manifests) -> None:
    for pod in manifests.pods:
        calls = _calls(manifests, pod)
        assert {port for place, port in calls if place in ("namespace kube-system", "169.254.20.10/32")} == {
            53
        }
        stores = {port for place, port in calls if place == EVERYWHERE or place.startswith("pod ")}
        if pod.component in _STORES:
            assert stores == set()
        else:
            assert {_STORES.get(str(port), port) for port in stores} == set(_STORES.values())
        world = {port for place, port in calls if place.startswith(("0.0.0.0/0", "::/0"))}
        meets_the_hub = pod.component in ("api", "worker")
        assert world == ({443} if meets_the_hub else set()), pod.name


def test_nobody_may_ask_the_metadata_service_of_the_node(manifests: Manifests) -> None:
    blocks = [
        peer["ipBlock"]
        for policy in manifests.of("NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        for peer in rule.get("to", [])
        if "ipBlock" in peer and peer["ipBlock"]["cidr"] == "0.0.0.0/0"
    ]
    assert blocks
    assert all(block["except"] == ["169.254.0.0/16"] for block in blocks)


@pytest.mark.parametrize("overlay", MONITORED)
def test_everything_that_has_metrics_is_scraped_and_says_that_it_has(overlay: str) -> None:
    manifests = rendered(overlay)
    scraped = set()
    for monitor in manifests.of("PodMonitor"):
        for pod in manifests.selected(monitor["spec"]["selector"]):
            scraped |= {(pod.name, end["port"]) for end in monitor["spec"]["podMetricsEndpoints"]} & {
                (pod.name, port) for port in pod.ports
            }
    for monitor in manifests.of("ServiceMonitor"):
        (service,) = [
            found
            for found in manifests.of("Service")
            if _has(found["metadata"].get("labels", {}), monitor["spec"]["selector"]["matchLabels"])
        ]
        (pod,) = manifests.selected({"matchLabels": service["spec"]["selector"]})
        ports = {port["name"]: port["targetPort"] for port in service["spec"]["ports"]}
        scraped |= {(pod.name, ports[end["port"]]) for end in monitor["spec"]["endpoints"]}
    wanted = set()
    for pod, container in manifests.our_containers:
        if container.get("ports"):
            seen = manifests.environment(container)
            (port,) = container["ports"]
            wanted.add((pod.name, port["name"]))
            told = "PORT" if pod.component == "api" else "WEIGHBRIDGE_METRICS_PORT"
            assert seen[told] == str(port["containerPort"])
            assert seen["WEIGHBRIDGE_METRICS"] == "1"
    assert scraped == wanted


@pytest.mark.parametrize("overlay", [name for name in OVERLAYS if name != "single-node"])
def test_the_door_has_tls_sends_events_on_at_once_and_shows_no_metrics(overlay: str) -> None:
    manifests = rendered(overlay)
    routes = {}
    for ingress in manifests.of("Ingress"):
        covered = {host for tls in ingress["spec"]["tls"] for host in tls["hosts"] if tls["secretName"]}
        for rule in ingress["spec"]["rules"]:
            assert rule["host"] in covered
            for path in rule["http"]["paths"]:
                service = manifests.one("Service", path["backend"]["service"]["name"])
                assert path["backend"]["service"]["port"]["name"] in {
                    port["name"] for port in service["spec"]["ports"]
                }
                behind = manifests.selected({"matchLabels": service["spec"]["selector"]})
                routes[path["path"]] = (ingress["metadata"].get("annotations", {}), behind)
    assert routes.keys() == {"/", "/metrics"}
    assert [pod.component for pod in routes["/"][1]] == ["api"]
    assert routes["/metrics"][1] == []
    said = routes["/"][0]
    assert {value.lower() for key, value in said.items() if "buffering" in key} == {"false", "off"}
    # Between two lines of a stream.
    patience = [int(value.rstrip("s")) for key, value in said.items() if "read-timeout" in key]
    assert min(patience) > 2 * HEARTBEAT
    size = [int(value.rstrip("m")) << 20 for key, value in said.items() if "body-size" in key]
    assert min(size) > LARGEST_BODY
    # The application sees one proxy, and says where it is to be found.
    (api,) = [each for _, each in manifests.our_containers if each["args"] == ["api"]]
    seen = manifests.environment(api)
    assert seen["WEIGHBRIDGE_TRUSTED_PROXIES"] == "1"
    (host,) = {rule["host"] for ingress in manifests.of("Ingress") for rule in ingress["spec"]["rules"]}
    assert seen["WEIGHBRIDGE_PUBLIC_URL"] == f"https://{host}"


_STORES = {"postgres": 5432, "valkey": 6379}


def _policies(manifests: Manifests, pod: Pod) -> Iterable[Mapping[str, Any]]:
    for policy in manifests.of("NetworkPolicy"):
        if pod in manifests.selected(policy["spec"]["podSelector"]):
            yield policy["spec"]


def _callers(manifests: Manifests, pod: Pod) -> set[tuple[str, Any]]:
    """(who, port) for all that may call a pod at a port that it has."""
    return {
        (place, port["port"])
        for policy in _policies(manifests, pod)
        for rule in policy.get("ingress", [])
        for place in _places(manifests, rule["from"])
        for port in rule["ports"]
        if port["port"] in pod.ports
    }


def _calls(manifests: Manifests, pod: Pod) -> set[tuple[str, Any]]:
    """(where, port) for all that a pod may call."""
    return {
        (place, port["port"])
        for policy in _policies(manifests, pod)
        for rule in policy.get("egress", [])
        for place in (_places(manifests, rule["to"]) if "to" in rule else [EVERYWHERE])
        for port in rule["ports"]
    }


def _places(manifests: Manifests, peers: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for peer in peers:
        if "ipBlock" in peer:
            yield peer["ipBlock"]["cidr"]
        elif "namespaceSelector" in peer:
            yield f"namespace {peer['namespaceSelector']['matchLabels']['kubernetes.io/metadata.name']}"
        else:
            selected = manifests.selected(peer["podSelector"])
            assert selected, peer
            yield from (f"pod {pod.component}" for pod in selected)


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= labels.items()
