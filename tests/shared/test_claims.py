import uuid

import fakeredis
import pytest

from shared import claims
from shared.tables import Operation, OperationKind


@pytest.fixture
def redis() -> fakeredis.FakeRedis:
    return fakeredis.FakeRedis(decode_responses=True)


def _operation(kind: OperationKind = OperationKind.DOWNLOAD) -> Operation:
    return Operation(id=uuid.uuid4(), model_id=7, kind=kind)


def test_a_model_is_claimed_once(redis: fakeredis.FakeRedis) -> None:
    first, second = _operation(), _operation(OperationKind.DELETE)
    assert claims.take(redis, first)
    assert not claims.take(redis, second)
    assert redis.get("weighbridge:active:7") == f"download:{first.id}"
    assert 0 < redis.ttl("weighbridge:active:7") <= claims.CLAIM_SECONDS


def test_what_works_on_the_volume_as_a_whole_claims_that(redis: fakeredis.FakeRedis) -> None:
    clean_up = Operation(id=uuid.uuid4(), model_id=None, kind=OperationKind.CLEAN_UP)
    assert claims.take(redis, clean_up)
    assert redis.get("weighbridge:active:volume") == f"clean-up:{clean_up.id}"
    assert claims.release(redis, clean_up)
    assert redis.keys() == []


def test_only_the_owner_releases_a_claim(redis: fakeredis.FakeRedis) -> None:
    first, second = _operation(), _operation()
    claims.take(redis, first)
    assert not claims.release(redis, second)
    assert claims.release(redis, first)
    assert redis.get(claims.key(7)) is None


def test_renewing_rebuilds_a_lost_claim_and_leaves_another_holder_alone(redis: fakeredis.FakeRedis) -> None:
    first, second = _operation(), _operation()
    claims.renew(redis, [first])
    assert redis.get(claims.key(7)) == f"download:{first.id}"
    claims.renew(redis, [second])
    assert redis.get(claims.key(7)) == f"download:{first.id}"
