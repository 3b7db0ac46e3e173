import random
import uuid
from typing import Any

import pytest

from shared import bandwidth_shares, events
from shared.bandwidth_shares import CRUMB, SHARES

LIMIT = 32_000_000
A, B, C = (uuid.UUID(int=number) for number in range(3))


def _ask(redis: Any, one: uuid.UUID, want: int | None = None, held: int = 0, limit: int = LIMIT) -> int:
    return int(bandwidth_shares.ask(redis, one, limit=limit, want=want, held=held))


def _sums(redis: Any) -> dict[str, int]:
    return {name: int(value) for name, value in redis.hgetall(SHARES).items() if name.startswith("+")}


def test_who_is_alone_has_all(redis: Any) -> None:
    assert _ask(redis, A) == LIMIT
    assert _ask(redis, A, want=1_000_000) == LIMIT


def test_who_joins_gets_a_crumb_until_the_others_have_come_down(redis: Any) -> None:
    _ask(redis, A)
    assert _ask(redis, B) == LIMIT / 2 * CRUMB
    assert _ask(redis, A) == LIMIT / 2
    assert _ask(redis, B) == LIMIT / 2


def test_what_one_leaves_goes_to_those_that_want_more(redis: Any) -> None:
    wants = {A: 2_000_000, B: 12_000_000, C: None}
    for _ in range(4):
        shares = {one: _ask(redis, one, want) for one, want in wants.items()}
    assert shares == {A: 2_000_000, B: 12_000_000, C: 18_000_000}
    # And back, as soon as it wants more itself.
    for _ in range(4):
        shares = {one: _ask(redis, one) for one in wants}
    assert list(shares.values()) == [pytest.approx(LIMIT / 3, abs=2)] * 3


def test_who_wants_nothing_now_keeps_a_crumb_to_begin_with(redis: Any) -> None:
    for _ in range(3):
        shares = _ask(redis, A, want=0), _ask(redis, B)
    assert shares == (LIMIT / 2 * CRUMB, LIMIT - LIMIT / 2 * CRUMB)


def test_what_has_ended_gives_its_share_back_at_once(redis: Any) -> None:
    for _ in range(2):
        _ask(redis, A), _ask(redis, B)
    bandwidth_shares.leave(redis, A)
    bandwidth_shares.leave(redis, A)
    assert _ask(redis, B) == LIMIT


def test_the_share_of_a_silent_one_goes_to_the_others(redis: Any) -> None:
    for _ in range(2):
        _ask(redis, A), _ask(redis, B)
    now = redis.time()[0]
    redis.zadd(events.RUNNING, {str(A): now - events.RUNNING_SECONDS + 1, str(B): now})
    assert _ask(redis, B) == LIMIT / 2
    redis.zadd(events.RUNNING, {str(A): now - events.RUNNING_SECONDS - 1})
    assert _ask(redis, B) == LIMIT
    assert not redis.hexists(SHARES, str(A))
    # And it comes back as anybody else who joins.
    assert _ask(redis, A, held=LIMIT // 2) == LIMIT / 2 * CRUMB


def test_a_word_writes_nothing_while_nothing_changes(redis: Any) -> None:
    def ask_all() -> None:
        _ask(redis, A, want=chance.randrange(1_980_000, 2_020_000)), _ask(redis, B), _ask(redis, C)

    chance = random.Random(8)
    for _ in range(4):
        ask_all()
    before = redis.info("persistence")["rdb_changes_since_last_save"]
    for _ in range(20):
        ask_all()
    assert redis.info("persistence")["rdb_changes_since_last_save"] == before


def test_after_redis_was_emptied_each_keeps_what_it_held(redis: Any) -> None:
    for _ in range(2):
        held = _ask(redis, A), _ask(redis, B)
    redis.flushdb()
    assert (_ask(redis, A, held=held[0]), _ask(redis, B, held=held[1])) == held
    bandwidth_shares.leave(redis, B)
    assert _ask(redis, A, held=held[0]) == LIMIT


def test_another_limit_is_shared_anew(redis: Any) -> None:
    for limit in (LIMIT, LIMIT // 4):
        for _ in range(3):
            shares = _ask(redis, A, limit=limit), _ask(redis, B, limit=limit)
        assert shares == (limit / 2, limit / 2)


def test_never_more_than_the_limit_and_its_crumbs_is_given_out(redis: Any) -> None:
    chance = random.Random(8)
    those, shares = [uuid.UUID(int=number) for number in range(9)], {}
    for _ in range(400):
        one = chance.choice(those)
        if chance.random() < 0.1:
            bandwidth_shares.leave(redis, one)
            shares.pop(one, None)
        else:
            want = chance.choice([None, None, 0, chance.randrange(LIMIT)])
            shares[one] = _ask(redis, one, want, held=shares.get(one, 0))
        assert sum(shares.values()) <= LIMIT * (1 + CRUMB)
        assert _sums(redis).get("+given", 0) == sum(shares.values())
    for one in those:
        bandwidth_shares.leave(redis, one)
    assert set(_sums(redis).values()) == {0}


def test_nothing_of_it_stays_in_redis(redis: Any) -> None:
    _ask(redis, A)
    bandwidth_shares.tell(redis, A, 20_000)
    for key in (SHARES, bandwidth_shares.news_key(A)):
        assert 0 < redis.ttl(key) <= 60
