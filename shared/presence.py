"""Which workers are alive: each one's timer notes its queue in Redis; a silent one drops out by itself."""

from redis import Redis

KEY = "weighbridge:workers"
# Seconds of silence after which a worker counts as gone: several of its beats.
SILENCE = 30


def beat(redis: Redis, worker: str, queues: list[str]) -> None:
    """Say that this worker lives and which queues it serves. Times are the Redis server's."""
    now = _now(redis)
    pipeline = redis.pipeline(transaction=False)
    pipeline.zadd(KEY, {f"{queue} {worker}": now for queue in queues})
    pipeline.zremrangebyscore(KEY, "-inf", now - SILENCE)
    pipeline.execute()


def leave(redis: Redis, worker: str, queues: list[str]) -> None:
    """Say that this worker has stopped."""
    redis.zrem(KEY, *(f"{queue} {worker}" for queue in queues))


def workers(redis: Redis) -> dict[str, int]:
    """How many live workers serve each queue."""
    count: dict[str, int] = {}
    for member in redis.zrangebyscore(KEY, _now(redis) - SILENCE, "+inf"):
        queue = str(member).split(" ", 1)[0]
        count[queue] = count.get(queue, 0) + 1
    return count


def _now(redis: Redis) -> int:
    return int(redis.time()[0])
