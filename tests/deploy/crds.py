"""The shape of what is no part of Kubernetes itself: the fields that we use, and no others.

After the types of KEDA 2.15 (keda.sh/v1alpha1) and the Prometheus operator 0.80 (monitoring.coreos.com/v1).
"""

from typing import Any


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of, "minItems": 1}


_TEXT = {"type": "string", "minLength": 1}
_COUNT = {"type": "integer", "minimum": 0}
_LABELS = {"type": "object", "additionalProperties": _TEXT}
_SELECTOR = _object(
    {},
    matchLabels=_LABELS,
    matchExpressions=_list(_object({"key": _TEXT, "operator": {"enum": ["In"]}, "values": _list(_TEXT)})),
)
_SECONDS = {"type": "string", "pattern": "^[0-9]+s$"}
_ENDPOINTS = _list(_object({"port": _TEXT}, path=_TEXT, interval=_SECONDS, scrapeTimeout=_SECONDS))
_RULES = _object(
    {"policies": _list(_object({"type": {"enum": ["Pods"]}, "value": _COUNT, "periodSeconds": _COUNT}))},
    stabilizationWindowSeconds=_COUNT,
)
_TRIGGER = _object(
    {
        "type": {"enum": ["postgresql"]},
        # Every value is text, numbers too.
        "metadata": _object({"query": _TEXT, "targetQueryValue": {"type": "string", "pattern": "^[0-9]+$"}}),
        "authenticationRef": _object({"name": _TEXT}),
    },
    metricType={"enum": ["AverageValue"]},
)
_SPECS = {
    "ServiceMonitor": _object({"selector": _SELECTOR, "endpoints": _ENDPOINTS}),
    "PodMonitor": _object({"selector": _SELECTOR, "podMetricsEndpoints": _ENDPOINTS}),
    "TriggerAuthentication": _object(
        {"secretTargetRef": _list(_object({"parameter": _TEXT, "name": _TEXT, "key": _TEXT}))}
    ),
    "ScaledObject": _object(
        {"scaleTargetRef": _object({"name": _TEXT}), "triggers": _list(_TRIGGER)},
        pollingInterval=_COUNT,
        minReplicaCount=_COUNT,
        maxReplicaCount=_COUNT,
        advanced=_object(
            {
                "horizontalPodAutoscalerConfig": _object(
                    {"behavior": _object({}, scaleUp=_RULES, scaleDown=_RULES)}
                )
            }
        ),
    ),
}
_VERSIONS = {
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "TriggerAuthentication": "keda.sh/v1alpha1",
    "ScaledObject": "keda.sh/v1alpha1",
}
SCHEMAS = {
    kind: _object(
        {
            "apiVersion": {"enum": [_VERSIONS[kind]]},
            "kind": {"enum": [kind]},
            "metadata": _object({"name": _TEXT}, namespace=_TEXT, labels=_LABELS),
            "spec": spec,
        }
    )
    for kind, spec in _SPECS.items()
}
