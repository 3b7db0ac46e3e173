import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api_service import hub_answers
from api_service.hub_answers import INDEX, KEPT, Answer, HubAnswers
from api_service.hub_breaker import HubBreaker
from shared.errors import (
    HubOffline,
    HubRateLimited,
    HubUnavailable,
    LicenseNotAccepted,
    RepoNotFound,
    WeighbridgeError,
)
from shared.hub import Hub
from shared.redis_client import connect
from shared.settings import Settings

QUESTION = ("look", "owner/name", "main")
CANARY = "hf_canary"


class Said:
    """A Hub that counts how often it is asked; `trouble` is what it answers with instead."""

    def __init__(self) -> None:
        self.asked, self.trouble = 0, None

    def __call__(self) -> Any:
        self.asked += 1
        if self.trouble:
            raise self.trouble
        return {"number": self.asked}


def _read(said: Any) -> int:
    if not isinstance(said, dict) or not isinstance(said.get("number"), int):
        raise HubUnavailable("This makes no sense.")
    number: int = said["number"]
    return number


@pytest.fixture
def answers(settings: Settings, redis: Any) -> Iterator[HubAnswers]:
    yield from _made(settings)


def _made(settings: Settings, *, key: str = "secret") -> Iterator[HubAnswers]:
    client, raw = connect(settings), connect(settings, decode=False)
    breaker = HubBreaker(raw, failure_threshold=2, recovery_seconds=60)
    yield HubAnswers(client, breaker, key=key)
    client.close()
    raw.close()


def _ask(
    answers: HubAnswers, said: Callable[[], Any], token: str | None = None, **options: Any
) -> Answer[int]:
    return answers.ask(Hub("https://hub.example", token, False), QUESTION, said, _read, **options)


def test_a_fresh_answer_is_not_asked_for_again(answers: HubAnswers) -> None:
    said = Said()
    first = _ask(answers, said)
    assert (first.said, first.stale) == (1, False)
    assert _ask(answers, said) == first
    assert said.asked == 1


def test_an_answer_that_is_no_longer_fresh_is_asked_for_anew(answers: HubAnswers) -> None:
    said = Said()
    first = _ask(answers, said)
    second = _ask(answers, said, fresh=0)
    assert (second.said, second.stale) == (2, False)
    assert second.fetched_at > first.fetched_at
    assert _ask(answers, said, fresh=lambda number: 60 if number == 2 else 0) == second


@pytest.mark.parametrize("trouble", [HubUnavailable(), HubRateLimited(retry_after=9), HubOffline()])
def test_while_the_hub_is_away_the_last_answer_is_given_as_stale(
    answers: HubAnswers, trouble: WeighbridgeError
) -> None:
    said = Said()
    first = _ask(answers, said)
    said.trouble = trouble
    for _ in range(4):  # by the open circuit too
        assert _ask(answers, said, fresh=0) == Answer(1, first.fetched_at, stale=True)


def test_without_an_answer_from_before_the_trouble_is_told(answers: HubAnswers) -> None:
    said = Said()
    said.trouble = HubUnavailable("down")
    with pytest.raises(HubUnavailable, match="down"):
        _ask(answers, said)


def test_what_the_hub_refuses_is_told_and_what_it_said_before_is_forgotten(
    answers: HubAnswers, redis: Any
) -> None:
    said = Said()
    _ask(answers, said)
    for refusal in (LicenseNotAccepted(), RepoNotFound()):
        said.trouble = refusal
        with pytest.raises(type(refusal)):
            _ask(answers, said, fresh=0)
    said.trouble = HubUnavailable()
    with pytest.raises(HubUnavailable):
        _ask(answers, said, fresh=0)
    assert redis.keys("weighbridge:hub-answer:*") == []


def test_each_token_endpoint_and_question_has_its_own_answer(answers: HubAnswers) -> None:
    said = Said()
    hubs = [
        Hub(url, token, False) for url in ("https://a", "https://b") for token in (None, "", CANARY, "hf_x")
    ]
    seen = [
        answers.ask(hub, question, said, _read).said
        for hub in hubs
        for question in (
            QUESTION,
            ("look", "owner/name", "v1"),
            ("look", "owner/name"),
            ("look", "owner", "name"),
        )
    ]
    assert seen == list(range(1, 33))


def test_neither_token_nor_its_plain_hash_stands_in_redis(
    answers: HubAnswers, settings: Settings, redis: Any
) -> None:
    said = Said()
    _ask(answers, said, CANARY)
    held = " ".join([*redis.keys("*"), *map(redis.get, redis.keys("weighbridge:hub-answer:*"))])
    assert CANARY not in held
    assert hashlib.sha256(CANARY.encode()).hexdigest() not in held
    [others] = _made(settings, key="another secret")
    assert _ask(others, said, CANARY).said == 2


def test_everything_expires(answers: HubAnswers, redis: Any) -> None:
    _ask(answers, Said())
    _ask(answers, Said(), CANARY, kept=7)
    seconds = sorted(redis.ttl(key) for key in redis.keys("weighbridge:hub-answer*"))
    assert 0 < seconds[0] <= 7
    assert all(KEPT - 60 < each <= KEPT for each in seconds[1:])
    assert len(seconds) == 3


def test_of_many_answers_the_oldest_go(
    answers: HubAnswers, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_answers, "MOST", 3)
    said = Said()
    for number in range(6):
        _ask(answers, said, f"hf_{number}")
    assert len(redis.keys("weighbridge:hub-answer:*")) == redis.zcard(INDEX) == 3
    assert [_ask(answers, said, f"hf_{number}").said for number in (3, 4, 5, 0)] == [4, 5, 6, 7]


def test_an_answer_that_is_too_long_or_too_deep_is_given_and_not_kept(
    answers: HubAnswers, redis: Any
) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for more in ("x" * hub_answers.LARGEST, deep):
        assert _ask(answers, lambda more=more: {"number": 1, "more": more}).said == 1
    assert redis.keys("weighbridge:hub-answer:*") == []


def test_an_answer_that_makes_no_sense_is_not_kept(answers: HubAnswers, redis: Any) -> None:
    with pytest.raises(HubUnavailable, match="no sense"):
        _ask(answers, lambda: ["?"])
    assert redis.keys("weighbridge:hub-answer:*") == []


@pytest.mark.parametrize(
    "kept",
    ["", "{", "[]", "null", "7", '{"at": "x", "said": {"number": 9}}', '{"at": 1e400, "said": {"number": 9}}',
     '{"said": {"number": 9}}', '{"at": 1, "said": {"number": "x"}}', "[" * 100_000],
)  # fmt: skip
def test_what_stands_in_redis_and_is_no_answer_counts_as_none(
    answers: HubAnswers, redis: Any, kept: str
) -> None:
    said = Said()
    _ask(answers, said)
    [key] = redis.keys("weighbridge:hub-answer:*")
    redis.set(key, kept)
    assert _ask(answers, said).said == 2
    assert json.loads(redis.get(key))["said"] == {"number": 2}


def test_without_redis_the_hub_is_asked_each_time(settings: Settings) -> None:
    away = settings.model_copy(update={"redis_url": type(settings.redis_url)("redis://127.0.0.1:9/0")})
    said = Said()
    [answers] = _made(away)
    assert [_ask(answers, said).said for _ in range(3)] == [1, 2, 3]
    said.trouble = LicenseNotAccepted()
    with pytest.raises(LicenseNotAccepted):
        _ask(answers, said)
