"""How the downloads of the fleet share its limit, and how a running one hears of a new limit of its own.

Each running download asks for its share with its progress, 4 times a second. What one leaves of an equal
part goes to those that want more (max-min fairness). No share is given out twice: who joins gets a crumb
until the others, at their next word, have come down. Sums beside the shares keep the cost of a word the
same, however many downloads there are.

The shares stand in Redis alone: after it was emptied, each download asks for what it held. A word writes
nothing while nothing changes; who is alive stands on the list of what runs (shared/events.py), where the
progress keeps it.
"""

import uuid
from typing import Any

from redis import Redis
from redis.client import Pipeline

from shared import events

# A field for each download: what it was given and, of those that want less than they could have, what they
# want; and, with a plus, the sums over all of them.
SHARES = "weighbridge:bandwidth"
# Of an equal part: what a download keeps that wants nothing now, or waits until others have come down.
CRUMB = 1 / 32
# What wants so little more or less than before wants the same.
SAME = 0.03
# Less than silent ones stay on the list of what runs, where they are looked for.
KEPT_SECONDS = 50
# Longer than a heartbeat of the worker, which brings the limit from the row: until then this is the news.
NEWS_SECONDS = 15

_FORGET = """
local function add(sign, kept)
    local share, modest = string.match(kept, '^(%d+) (%d*)$')
    redis.call('hincrby', KEYS[1], '+count', sign .. '1')
    redis.call('hincrby', KEYS[1], '+given', sign .. share)
    if modest == '' then
        redis.call('hincrby', KEYS[1], '+hungry', sign .. '1')
    else
        redis.call('hincrby', KEYS[1], '+modest', sign .. modest)
    end
end
local function forget(id)
    local kept = redis.call('hget', KEYS[1], id)
    if kept then
        add('-', kept)
        redis.call('hdel', KEYS[1], id)
    end
end
"""
_ASK = (
    _FORGET
    + """
local id, limit, want, held = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local silent = redis.call('time')[1] - ARGV[5]
for _, other in ipairs(redis.call('zrangebyscore', KEYS[2], '-inf', '(' .. silent)) do
    if other ~= id then forget(other) end
end
-- The sums over the others, and what was told last.
local sums = redis.call('hmget', KEYS[1], '+count', '+given', '+hungry', '+modest', id)
local count, given = tonumber(sums[1] or 0), tonumber(sums[2] or 0)
local hungry, modest, before = tonumber(sums[3] or 0), tonumber(sums[4] or 0), sums[5]
local wanted
if before then
    local share
    share, wanted = string.match(before, '^(%d+) (%d*)$')
    wanted = tonumber(wanted)
    count, given = count - 1, given - share
    if wanted then modest = modest - wanted else hungry = hungry - 1 end
end
count = count + 1
-- What each of those gets that want all they can have; who wants less gets that.
local level = (limit - modest) / (hungry + 1)
local crumb = limit / count * ARGV[6]
local is_modest = want >= 0 and want < level
local aim = level
if is_modest then
    want = math.floor(math.max(1, want, crumb))
    if wanted and math.abs(want - wanted) <= wanted * ARGV[7] then want = wanted end
    aim = want
    if hungry == 0 then aim = want + math.max(0, limit - modest - want) / count end
end
if not before and held > 0 then aim = math.min(aim, held) end
local share = math.floor(math.max(1, crumb, math.min(aim, limit - given)))
local kept = string.format('%.0f ', share) .. (is_modest and string.format('%.0f', want) or '')
if kept ~= before then
    forget(id)
    add('', kept)
    redis.call('hset', KEYS[1], id, kept)
end
if redis.call('ttl', KEYS[1]) < ARGV[8] / 2 then redis.call('expire', KEYS[1], ARGV[8]) end
return share
"""
)
_LEAVE = _FORGET + "forget(ARGV[1])"


def ask(redis: Pipeline | Redis, operation_id: uuid.UUID, *, limit: int, want: int | None, held: int) -> Any:
    """Ask for a share of the limit; the reply is that share. All in bytes per second.

    `want`: what the download could use; None: all that it can get. `held`: the share that it has, 0 at first.
    """
    asked = (str(operation_id), limit, -1 if want is None else want, held)
    rules = (events.RUNNING_SECONDS, f"{CRUMB:f}", f"{SAME:f}", KEPT_SECONDS)
    return redis.eval(_ASK, 2, SHARES, events.RUNNING, *asked, *rules)


def leave(redis: Redis, operation_id: uuid.UUID) -> None:
    """This download takes nothing any more: its share is free. Raises RedisError."""
    redis.eval(_LEAVE, 1, SHARES, str(operation_id))


def news_key(operation_id: uuid.UUID) -> str:
    """The Redis key that tells a running download of its new limit."""
    return f"weighbridge:limit:{operation_id}"


def tell(redis: Redis, operation_id: uuid.UUID, limit: int | None) -> None:
    """After the commit: let a running download know of its new limit at once. Raises RedisError."""
    redis.set(news_key(operation_id), limit or 0, ex=NEWS_SECONDS)
