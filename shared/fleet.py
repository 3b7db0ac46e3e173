"""What memory the workers' machines have, as each worker told with its last beat, and what fits in it.

It stands in Redis, beside who is alive (shared/presence.py): a hash with a field for each worker. What a
silent worker told drops out by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter
from redis import Redis

from shared.presence import SILENCE

KEY = "weighbridge:machines"
MOST_DEVICES = 257  # the RAM, and more GPUs than any machine has
LONGEST_NAME = 100  # characters
_LONGEST = 64 * 1024  # characters of what one worker tells: of 257 devices
# By the server's clock, so that workers' clocks need not agree; drops those that were silent for too long.
_NOTE = """
local now = redis.call('time')[1]
redis.call('hset', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2])
redis.call('expire', KEYS[1], ARGV[3])
local told = redis.call('hgetall', KEYS[1])
for i = 1, #told, 2 do
    if tonumber(string.match(told[i + 1], '^%d+') or 0) < now - ARGV[3] then
        redis.call('hdel', KEYS[1], told[i])
    end
end
"""

_Name = Annotated[str, StringConstraints(max_length=LONGEST_NAME, pattern=r"^[^\p{C}\p{Zl}\p{Zp}]*$")]
_Bytes = Annotated[int, Field(ge=0, lt=2**53)]  # what a page's JSON can tell exactly


@dataclass(frozen=True)
class Device:
    """Memory that a model can be loaded into: a machine's RAM (`cpu`), or that of one GPU.

    `name` is the processor's architecture, or the GPU's product name.
    """

    kind: Literal["cpu", "gpu"]
    name: _Name
    total_bytes: _Bytes
    available_bytes: _Bytes


@dataclass(frozen=True)
class Machine:
    """What a worker runs on. No devices: it could not tell."""

    worker: str
    devices: tuple[Device, ...]


@dataclass(frozen=True)
class Fit:
    """Whether something fits in a device of a worker's machine; `device` is its kind."""

    worker: str
    device: Literal["cpu", "gpu"]
    name: str
    total_bytes: int
    available_bytes: int
    fits: bool


_devices = TypeAdapter(Annotated[tuple[Device, ...], Field(max_length=MOST_DEVICES)])


def note(redis: Redis, machine: Machine) -> None:
    """Tell what this worker's machine has. Times are the Redis server's. Raises RedisError."""
    redis.eval(_NOTE, 1, KEY, machine.worker, _devices.dump_json(machine.devices).decode(), str(SILENCE))


def leave(redis: Redis, worker: str) -> None:
    """Say that this worker has stopped. Raises RedisError."""
    redis.hdel(KEY, worker)


def machines(redis: Redis) -> list[Machine]:
    """The machines of live workers, in one round trip. Raises RedisError.

    Workers of one host that see the same devices are one machine, told by the first of them by name. (In
    containers each sees its own limit.) What can't be read, such as another version's, is left out.
    """
    pipeline = redis.pipeline(transaction=False)
    pipeline.time()
    pipeline.hgetall(KEY)
    (now, _), told = pipeline.execute()
    found: dict[Any, Machine] = {}
    for worker in sorted(told):
        devices = _read(told[worker], since=now - SILENCE)
        if devices is not None:
            same = tuple((device.kind, device.name, device.total_bytes) for device in devices)
            found.setdefault((worker.partition("@")[2] or worker, same), Machine(worker, devices))
    return list(found.values())


def fitting(machines: Sequence[Machine], memory_bytes: int) -> list[Fit]:
    """Each device of each machine, and whether that many bytes are available there now.

    What is available decides, not the total: the question is whether it would load now, beside all that runs
    there; the total lets a page say that it would fit on the emptied machine. One device has to hold all of
    it: nothing is counted together, as by far not every runtime splits every model.
    """
    return [
        Fit(
            worker=machine.worker,
            device=device.kind,
            name=device.name,
            total_bytes=device.total_bytes,
            available_bytes=device.available_bytes,
            fits=device.available_bytes >= memory_bytes,
        )
        for machine in machines
        for device in machine.devices
    ]


def fits(machines: Sequence[Machine], memory_bytes: int) -> bool | None:
    """Whether that many bytes are available on some device; None when no device is known."""
    found = fitting(machines, memory_bytes)
    return any(fit.fits for fit in found) if found else None


def _read(text: str, *, since: int) -> tuple[Device, ...] | None:
    seconds, _, devices = text.partition(" ")
    try:
        is_live = len(text) <= _LONGEST and int(seconds) >= since
        return _devices.validate_json(devices, strict=True) if is_live else None
    except ValueError:  # pydantic's ValidationError is one, too
        return None
