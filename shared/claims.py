"""Who holds a model: `weighbridge:active:{model_id}` = `{kind}:{operation_id}`, for everybody to see.

What works on a volume as a whole holds `weighbridge:active:volume`, or `…:volume:{name}` of one with a name.

The row in Postgres decides; a claim is its quick, public copy. It lives for CLAIM_SECONDS unless it is
renewed, and only its owner releases it. The sweep rebuilds it from the rows after a flush, and drops what an
operation that has ended left behind.
"""

from collections.abc import Iterable

from redis import Redis

from shared.tables import Operation
from shared.task_names import is_named

# Longer than a sweep, which renews pending ones, and a lease; a running one is renewed with its progress.
CLAIM_SECONDS = 120

_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
return 0
"""
_RENEW = """
local holder = redis.call('get', KEYS[1])
if holder == ARGV[1] or not holder then redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2]) return 1 end
return 0
"""


def key(model_id: int | None, volume: str | None = None) -> str:
    """The Redis key of a model's claim; None: of the volume's."""
    if model_id is not None:
        return f"weighbridge:active:{model_id}"
    return f"weighbridge:active:volume:{volume}" if is_named(volume) else "weighbridge:active:volume"


def _key(operation: Operation) -> str:
    return key(operation.model_id, operation.volume)


def value(operation: Operation) -> str:
    """What the claim says: `download:0b7e…`."""
    return f"{operation.kind}:{operation.id}"


def take(redis: Redis, operation: Operation) -> bool:
    """Claim the model for the operation; False when another operation holds it."""
    return bool(redis.set(_key(operation), value(operation), nx=True, ex=CLAIM_SECONDS))


def release(redis: Redis, operation: Operation) -> bool:
    """Give the claim back, if it is still this operation's."""
    return bool(redis.eval(_RELEASE, 1, _key(operation), value(operation)))


def drop(redis: Redis, ended: Iterable[Operation]) -> None:
    """Give back what these ended operations may have left; another holder's claim stays."""
    pipeline = redis.pipeline(transaction=False)
    for operation in ended:
        pipeline.eval(_RELEASE, 1, _key(operation), value(operation))
    pipeline.execute()


def renew(redis: Redis, operations: Iterable[Operation]) -> None:
    """Prolong each operation's claim, or take it anew where it was lost; another holder's stays."""
    pipeline = redis.pipeline(transaction=False)
    for operation in operations:
        pipeline.eval(_RENEW, 1, _key(operation), value(operation), CLAIM_SECONDS)
    pipeline.execute()
