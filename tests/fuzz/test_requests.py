"""Hostile names, repositories, files, addresses and headers, at every route (Z2 of the quality page)."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app
from werkzeug.wrappers import Request

from api_service.openapi import document
from tests import contract
from tests.conftest import ADMIN_TOKEN
from tests.fuzz import hostile
from tests.fuzz.addresses import is_forbidden
from tests.fuzz.conftest import REPO, Service
from tests.fuzz.form import THROWN, fuzzed

_REFERENCE = "#/components/schemas/"
# What is sent where nothing hostile is put in its place; a name or an address is new each time.
_LOCAL = {"type": "local", "hfRepo": REPO, "modelFile": "m-Q4_0.gguf"}
_HOSTED = {"type": "hosted-llm", "provider": "openai", "baseUrl": "https://1.1.1.1/v1", "apiKey": "sk-canary"}
_PASSWORD = {"password": "correct horse battery"}
_HONEST: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("post", "/api/models"): [_LOCAL, _LOCAL | {"downloadNow": True}, _HOSTED, {"type": "local"}],
    ("post", "/api/models/test-connection"): [
        {"provider": "openai", "baseUrl": "https://1.1.1.1/v1"},
        {"provider": "azure-openai", "baseUrl": "https://1.1.1.1", "deployment": "gpt"},
        {"modelId": 1},
    ],
    ("put", "/api/models/{model_id}/references/{consumer}/{name}"): [
        {"policy": "warn"},
        {"policy": "block", "detail": "x", "expiresAt": "2999-01-01T00:00:00Z"},
    ],
    ("post", "/api/downloads"): [{"repo": REPO}, {"repo": REPO, "filename": "m-Q4_0.gguf"}],
    ("post", "/api/users"): [_PASSWORD | {"role": "viewer"}],
    ("post", "/api/tokens"): [{"role": "operator"}],
    ("post", "/api/auth/login"): [{"token": ADMIN_TOKEN}, _PASSWORD | {"name": "ada"}],
    ("post", "/api/auth/password"): [{"currentPassword": "x", "newPassword": "correct horse battery"}],
}
_TOLD = {
    "hfRepo": hostile.REPOS,
    "repo": hostile.REPOS,
    "input": hostile.REPOS,
    "modelFile": hostile.PATHS,
    "filename": hostile.PATHS,
    "localPath": hostile.PATHS,
    "baseUrl": hostile.URLS,
}
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
_CREATED = {"/api/models": "model_id", "/api/users": "user_id", "/api/tokens": "token_id"}
# Addresses that are no part of the document.
_ELSEWHERE = ("/", "/assets/", "/api/docs/", "/api/", "/models/", "/api/models/", "/api/auth/provider", "*")


@dataclass(frozen=True)
class Operation:
    """One operation of the document: what it can be told."""

    method: str
    path: str
    query: tuple[str, ...]
    fields: tuple[str, ...]


def _operations() -> list[Operation]:
    told: Any = document()
    return [
        Operation(
            method,
            path,
            tuple(each["name"] for each in operation.get("parameters", ()) if each.get("in") == "query"),
            _fields(told, operation),
        )
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    ]


def _fields(told: Any, operation: Any) -> tuple[str, ...]:
    if "requestBody" not in operation:
        return ()
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].removeprefix(_REFERENCE)
    return tuple(told["components"]["schemas"][name]["properties"])


OPERATIONS = _operations()
_ASK = next(each for each in OPERATIONS if (each.method, each.path) == ("post", "/api/downloads"))


@dataclass(frozen=True)
class Call:
    """A request as a server would hand it over: everything in Latin-1. None in `ids`: one that exists."""

    method: str
    path: str
    ids: tuple[str | None, ...] = ()
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    provider_says: bytes = b""


def _for(name: str) -> st.SearchStrategy[Any]:
    """Something hostile for a field: of its own kind, or anything."""
    own = st.sampled_from(_TOLD.get(name, hostile.WORDS))
    return st.one_of(own, own, hostile.TEXTS, hostile.VALUES)


@st.composite
def _bodies(draw: st.DrawFn, operation: Operation) -> bytes:
    if draw(st.integers(0, 9)) == 0:
        return draw(hostile.BODIES)
    honest = draw(st.sampled_from(_HONEST.get((operation.method, operation.path), [{}])))
    body = dict(honest)
    if "name" in operation.fields and "token" not in honest:
        body.setdefault("name", f"n{draw(st.integers(0, 10**6))}")
    names = draw(st.lists(st.sampled_from([*operation.fields, "strange"]), max_size=2))
    return hostile.as_json(body | {name: draw(_for(name)) for name in names})


@st.composite
def _queries(draw: st.DrawFn, operation: Operation) -> str:
    if draw(st.integers(0, 9)) == 0:
        return hostile.latin(draw(hostile.TEXTS)) + draw(st.sampled_from(["", "\xff", "%ff", "&&=", "#"]))
    names = draw(st.lists(st.sampled_from([*operation.query, "strange"]), max_size=3))
    told = [(name, str(draw(_for(name)))) for name in names]
    return urlencode(told, errors="surrogatepass")


_IDS = st.one_of(
    st.none(), st.none(), st.sampled_from(["0", "1", "-1", "9" * 12, "9" * 5000, "٣"]), hostile.TEXTS
)
_HEADERS = st.dictionaries(st.sampled_from(hostile.HEADERS), hostile.HEADER_VALUES, max_size=2)
_SAID = st.one_of(
    st.just(b'{"data": [{"id": "m"}]}'),
    hostile.BODIES,
    hostile.VALUES.map(lambda value: hostile.as_json({"data": value})),
    hostile.VALUES.map(lambda value: hostile.as_json({"data": [{"id": value}]})),
)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Any operation, or any address, with something hostile about it."""
    if draw(st.integers(0, 9)) == 0:
        method = draw(st.sampled_from(["get", "head", "options", "post", "put", "delete", "trace", "X" * 99]))
        where = draw(st.sampled_from(_ELSEWHERE)) + draw(st.one_of(st.just(""), hostile.TEXTS))
        return Call(method, hostile.latin(where), headers=draw(_HEADERS), body=draw(hostile.BODIES))
    operation = draw(st.sampled_from(OPERATIONS))
    return Call(
        method=operation.method,
        path=operation.path,
        ids=tuple(draw(_IDS) for _ in re.findall(r"{\w+}", operation.path)),
        query=draw(_queries(operation)),
        headers=draw(_HEADERS),
        body=draw(_bodies(operation)) if operation.fields else b"",
        provider_says=draw(_SAID) if operation.path.endswith("test-connection") else b"",
    )


class Sender:
    """Sends calls with the admin token, and remembers what exists by now."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._known = {"model_id": "1", "user_id": "1", "token_id": "1", "operation_id": "0" * 32}
        self._known |= {"consumer": "search", "name": "docs"}

    def send(self, call: Call) -> TestResponse:
        """Send it, see to it that nothing was noticed and that the answer is a documented one."""
        self.service.provider.answer = _HEAD + call.provider_says
        environ = self._environ(call)
        # Not by a client: it would repair, or refuse, what is sent.
        answer = TestResponse(*run_wsgi_app(self.service.app, environ), request=Request(environ))
        noticed, self.service.watch.breaches = self.service.watch.breaches, []
        assert noticed == []
        assert not any(map(is_forbidden, self.service.provider.dialled))
        contract.assert_kept(self.service.app, call.method.upper(), answer)
        answer.close()
        self._learn(answer)
        return answer

    def _environ(self, call: Call) -> dict[str, Any]:
        ids, path = iter(call.ids), call.path
        if call.ids:
            path = re.sub(r"{(\w+)}", lambda found: self._id(found[1], next(ids)), path)
        environ = EnvironBuilder(method=call.method.upper(), data=call.body).get_environ()
        environ |= {"PATH_INFO": path, "QUERY_STRING": call.query, "CONTENT_TYPE": "application/json"}
        for name, value in ({"Authorization": f"Bearer {ADMIN_TOKEN}"} | call.headers).items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        return environ

    def _id(self, name: str, drawn: str | None) -> str:
        return self._known[name] if drawn is None else hostile.latin(drawn)

    def _learn(self, answer: TestResponse) -> None:
        if answer.status_code == 201 and answer.request.path in _CREATED:
            self._known[_CREATED[answer.request.path]] = str(answer.json["id"])
        elif answer.status_code == 202:
            self._known["operation_id"] = answer.json["taskId"]


@pytest.fixture
def sender(service: Service) -> Sender:
    """One for all examples of a test."""
    return Sender(service)


@fuzzed(short=600, long=10_000)
@given(call=calls())
def test_no_hostile_request_breaks_anything(sender: Sender, call: Call) -> None:
    sender.send(call)
    THROWN["hostile requests"] += 1


@fuzzed(short=60, long=1_000)
@given(key=hostile.HEADER_VALUES, query=st.binary(max_size=8), body=_bodies(_ASK))
def test_the_same_request_with_the_same_key_gets_the_same_answer(
    sender: Sender, key: str, query: bytes, body: bytes
) -> None:
    headers = {"Idempotency-Key": key}
    call = Call(_ASK.method, _ASK.path, query=query.decode("latin-1"), headers=headers, body=body)
    first, again = sender.send(call), sender.send(call)
    assert again.status_code == first.status_code
    # A key that is none, or that stood for something else before, is refused both times; so is a long body.
    refusals = {"VALIDATION_ERROR", "IDEMPOTENCY_CONFLICT", "BODY_TOO_LARGE"}
    assert "Idempotency-Replayed" in again.headers or first.json["code"] in refusals
    THROWN["hostile requests"] += 2
