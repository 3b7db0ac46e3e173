"""What decides how many workers there are: the rows that KEDA counts, on a real database; what is scaled."""

import re
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, text
from sqlalchemy.exc import ProgrammingError

from shared.database import Database
from shared.nudges import NUDGED_BY
from shared.tables import Operation, OperationKind, OperationStatus
from shared.task_names import TASK_QUEUES, QueueName
from tests.conftest import ROOT
from tests.deploy.manifests import PLAIN, RENDERS, Manifests, rendered

OF_DOWNLOADS = {kind for kind, task in NUDGED_BY.items() if TASK_QUEUES[task] is QueueName.DOWNLOADS}


def _trigger() -> Mapping[str, str]:
    (scaled,) = rendered("production").of("ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    return trigger["metadata"]


def _rows(database: Database, **columns: Any) -> None:
    """An operation of each kind in each state."""
    with database.session() as session:
        session.add_all(
            Operation(
                id=uuid.uuid4(),
                model_id=100 * i + j + 1000 * len(columns),
                kind=kind,
                status=status,
                **columns,
            )
            for i, kind in enumerate(OperationKind)
            for j, status in enumerate(OperationStatus)
        )


def _count(database: Database) -> int:
    with database.session() as session:
        return int(session.execute(text(_trigger()["query"])).scalar_one())


def test_what_runs_or_waits_on_the_queue_of_downloads_is_counted(database: Database) -> None:
    assert _count(database) == 0
    _rows(database)
    # Pending and running. A busy fleet with an empty queue must not shrink.
    assert _count(database) == 2 * len(OF_DOWNLOADS)


@pytest.mark.parametrize(("wait", "counts"), [(timedelta(seconds=30), True), (timedelta(minutes=5), False)])
def test_what_has_to_wait_counts_once_it_is_nearly_due(
    database: Database, wait: timedelta, counts: bool
) -> None:
    _rows(database, not_before=func.now() + wait)
    assert bool(_count(database)) is counts


def test_to_count_reads_the_unfinished_rows_alone(database: Database) -> None:
    with database.session() as session:
        session.execute(text("set local enable_seqscan = off"))
        plan = "\n".join(session.scalars(text(f"explain {_trigger()['query']}")))
    # Which of the two the planner takes depends on how many rows there are.
    assert "ix_operations_unfinished" in plan or "ix_operations_status" in plan, plan


def test_the_role_that_the_guide_makes_may_count_and_no_more(database: Database) -> None:
    guide = (ROOT / "docs" / "kubernetes.md").read_text()
    (block,) = re.findall(r"```sql\n(.*?)```", guide, re.DOTALL)
    role = f"keda_{uuid.uuid4().hex[:8]}"
    statements = [
        statement.replace("weighbridge_keda", role)
        for statement in block.split(";")
        # A role may log in where it has a password; the test becomes it without.
        if statement.strip() and "\\password" not in statement and "ON DATABASE" not in statement
    ]
    with database.session() as session:
        for statement in statements:
            session.execute(text(statement))
        session.execute(text(f"set local role {role}"))
        assert session.execute(text(_trigger()["query"])).scalar_one() == 0
        for forbidden in (
            "select manifest from operations",
            "select count(*) from models",
            "delete from operations",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
                session.execute(text(forbidden))
        session.execute(text("reset role"))
        session.rollback()


def test_one_worker_stands_for_as_many_operations_as_it_does_at_a_time() -> None:
    manifests = rendered("production")
    (worker,) = [each for _, each in manifests.our_containers if each["args"] == ["worker"]]
    concurrency = manifests.environment(worker)["WEIGHBRIDGE_DOWNLOAD_CONCURRENCY"]
    assert _trigger()["targetQueryValue"] == concurrency


@pytest.mark.parametrize("render", RENDERS)
def test_who_scales_has_a_target_that_names_no_number_itself(render: str) -> None:
    manifests = rendered(render)
    scaled = [_target(each) for each in manifests.of("HorizontalPodAutoscaler", "ScaledObject")]
    assert len(set(scaled)) == len(scaled), "two that scale one thing fight"
    for found in manifests.of("Deployment", "StatefulSet"):
        is_scaled = (found["kind"], found["metadata"]["name"]) in scaled
        assert is_scaled != ("replicas" in found["spec"]), found["metadata"]["name"]
    names = {
        (found["kind"], found["metadata"]["name"]) for found in manifests.of("Deployment", "StatefulSet")
    }
    assert set(scaled) <= names


def test_who_takes_workers_away_takes_one_at_a_time_and_waits_before() -> None:
    for manifests in (rendered("production"), rendered(PLAIN)):
        assert _down(manifests)["stabilizationWindowSeconds"] >= 300
        assert [policy["value"] for policy in _down(manifests)["policies"]] == [1]


def test_no_volume_is_taken_away_by_a_scaler() -> None:
    assert not [
        target
        for each in _scalers(rendered("volume-per-worker"))
        if (target := _target(each))[0] == "StatefulSet"
    ]


def test_a_cluster_without_keda_gets_none_of_its_objects() -> None:
    for render in set(RENDERS) - {"production"}:
        assert rendered(render).of("ScaledObject", "TriggerAuthentication") == []
    assert rendered("single-node").of("ServiceMonitor", "PodMonitor") == []


def _scalers(manifests: Manifests) -> list[Any]:
    return manifests.of("HorizontalPodAutoscaler", "ScaledObject")


def _target(scaler: Any) -> tuple[str, str]:
    found = scaler["spec"]["scaleTargetRef"]
    return found.get("kind", "Deployment"), found["name"]


def _down(manifests: Manifests) -> Any:
    (found,) = [each for each in _scalers(manifests) if each["metadata"]["name"] == "weighbridge-worker"]
    spec = found["spec"]
    advanced = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", spec)
    return advanced["behavior"]["scaleDown"]
