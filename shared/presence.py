"""Which workers are alive: each one's timer notes its queue in Redis; a silent one drops out by itself."""

from redis import Redis

from shared.task_names import QueueName

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


def workers_of_volumes(redis: Redis) -> dict[str | None, int]:
    """How many live workers bring files to each volume; None: to the one without a name."""
    queues: dict[str, set[str]] = {}
    for member in redis.zrangebyscore(KEY, _now(redis) - SILENCE, "+inf"):
        queue, _, worker = str(member).partition(" ")
        queues.setdefault(worker, set()).add(queue)
    count: dict[str | None, int] = {}
    prefix = f"{QueueName.DOWNLOADS}."
    for served in queues.values():
        if str(QueueName.DOWNLOADS) in served:
            own = next((queue.removeprefix(prefix) for queue in served if queue.startswith(prefix)), None)
            count[own] = count.get(own, 0) + 1
    return count


def _now(redis: Redis) -> int:
    return int(redis.time()[0])
