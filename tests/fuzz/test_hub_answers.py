"""A Hub, or somebody between, that answers anything: heads, ranges, redirects, bodies, lists, metadata."""

import http.client
import io
import json
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api_service.schemas.hub import AccessSchema, FoundRepoSchema, RepoPreviewSchema
from shared import hub_facts, memory, model_facts
from shared.errors import WeighbridgeError
from shared.hub import Hub, RemoteFile, read_found, read_look
from shared.hub_refusals import retry_after
from shared.manifests import Manifest, freeze
from tests.fuzz import hostile
from tests.fuzz.form import fuzzed
from worker_service.transfer.connection import Origin, Retry, Wire, origin_of
from worker_service.transfer.halt import Halt
from worker_service.transfer.source import HubFiles, Source

HUB = "https://hub.example:8443/hf"
COMMIT = "c" * 40
CONTENT = bytes(range(100))
FILE = RemoteFile("folder/a b.gguf", len(CONTENT), "a" * 64, True)
TOKEN = "hf_canary"
LOOK = read_look(
    {
        "commit": COMMIT,
        "info": {},
        "entries": [
            {"type": "file", "path": path, "size": 10**6, "oid": "b" * 40}
            for path in ("config.json", "model.safetensors", "a.gguf")
        ],
    },
    repo="owner/name",
    revision="main",
)
# Bytes; what is read at a time.
ROOM = 64


class Scripted(Wire):
    """A wire on which the answers have come already: no socket opens. Notes what was asked for."""

    def __init__(self, answers: Iterable[bytes]) -> None:
        super().__init__(timeout=1, halt=Halt())
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._answers = deque(answers)

    def _connection(self, origin: Origin) -> Any:
        return self, False

    def ask(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        self.asked.append((url, headers))
        if not self._answers:
            raise ConnectionResetError
        response = http.client.HTTPResponse(_Line(self._answers.popleft()))  # type: ignore[arg-type]
        response.begin()
        return response


class _Line:
    """As much of a socket as an answer reads from."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self._sent))  # type: ignore[arg-type]


_STATUSES = st.sampled_from(
    [100, 200, 200, 206, 206, 206, 204, 301, 302, 307, 308, 304, 401, 403, 404, 410, 416, 429, 503, 999]
)
_NUMBERS = st.sampled_from(
    ["0", "1", "10", "29", "30", "99", "100", "-1", "9" * 30, "9" * 5000, "٣", "", "x"]
)
_RANGES = st.builds(lambda *parts: "bytes {}-{}/{}".format(*parts), _NUMBERS, _NUMBERS, _NUMBERS)
_PLACES = st.one_of(
    st.sampled_from(
        [
            "https://cdn.example/x",
            "http://hub.example/x",
            f"{HUB}/again",
            "//cdn.example/x",
            "/relative",
            "?",
            "",
            "http://[",
            "http://[::1",
            "https://cdn.example:99999/",
            "https://cdn.example:x/",
            "https://\u2100/",
            "file:///etc/passwd",
            "https://",
            "https:///x",
        ]
    ),
    hostile.TEXTS,
)
_DATES = st.builds(
    lambda day, year, zone: f"Mon, {day} Jan {year} 00:00:00 {zone}",
    st.sampled_from(["01", "99", "0"]),
    st.sampled_from(["2026", "0", "1", "9999", "99999", "9" * 20]),
    st.sampled_from(["GMT", "+0000", "-0000", "+9999", "+99999999999999", "x"]),
)
_WAITS = st.one_of(_NUMBERS, _DATES, hostile.TEXTS)
_LIMITS = st.builds(lambda left, seconds: f'"api";r={left};t={seconds}', _NUMBERS, _NUMBERS)
_OWN = {
    "Content-Range": st.one_of(_RANGES, st.just("bytes 10-29/100"), hostile.TEXTS),
    "Content-Length": _NUMBERS,
    "Location": _PLACES,
    "ETag": st.sampled_from(["", f'"{FILE.oid}"', f'W/"{FILE.oid}"', '"x"']),
    "X-Linked-Etag": st.sampled_from(["", f'"{FILE.oid}"', '"x"']),
    "X-Linked-Size": _NUMBERS,
    "Retry-After": _WAITS,
    "RateLimit": _LIMITS,
    "Transfer-Encoding": st.sampled_from(["chunked", "gzip", "chunked, chunked", ""]),
    "Content-Encoding": st.sampled_from(["identity", "gzip", ""]),
    "Connection": st.sampled_from(["close", "keep-alive"]),
    "X-Error-Code": st.one_of(
        st.sampled_from(["GatedRepo", "EntryNotFound", "RevisionNotFound"]), hostile.TEXTS
    ),
    "X-Error-Message": hostile.TEXTS,
}
HEADS = st.fixed_dictionaries({}, optional=_OWN).map(
    lambda told: {name: hostile.latin(value) for name, value in told.items()}
)
_BODIES = st.one_of(
    st.just(CONTENT),
    st.just(CONTENT[10:30]),
    st.binary(max_size=120),
    st.sampled_from(
        [b"5\r\nabcde\r\n0\r\n\r\n", b"-5\r\nabc", b"ffffffffffffffffff\r\nabc", b"zz\r\n", b"5;x\r\nab"]
    ),
)


def _wired(status: int, head: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


_ANSWERS = st.one_of(st.builds(_wired, _STATUSES, HEADS, _BODIES), st.binary(max_size=40))
_RUNS = st.sampled_from([(0, 100), (10, 30), (0, 10), (99, 100)])


def _source() -> Source:
    return Source(HubFiles(endpoint=HUB, token=TOKEN, repo="owner/name", commit=COMMIT), FILE)


@fuzzed(short=500, long=10_000)
@given(answers=st.lists(_ANSWERS, min_size=1, max_size=4), run=_RUNS)
@example(answers=[_wired(304, {"Transfer-Encoding": "chunked"}, b"f" * 15 + b"\r\n")], run=(0, 100))
def test_any_answer_is_bytes_of_the_right_place_or_a_refusal(
    answers: list[bytes], run: tuple[int, int]
) -> None:
    wire = Scripted(answers)
    start, end = run
    with suppress(Retry, WeighbridgeError):
        answer = _source().open(wire, start=start, end=end)
        assert answer.start == (0 if answer.is_whole else start)
        view, count = memoryview(bytearray(ROOM)), ROOM
        while count:
            count = answer.body.read_into(view)
            assert 0 <= count <= ROOM
        answer.body.finish()
    for url, headers in wire.asked:
        shown = "authorization" in {name.lower() for name in headers}
        assert shown == (origin_of(url) == origin_of(HUB))
        assert url.startswith("https://")


@fuzzed(short=300, long=5_000)
@given(head=st.fixed_dictionaries({}, optional={"retry-after": _WAITS, "ratelimit": _LIMITS}))
def test_how_long_to_wait_is_a_time_or_not_said(head: dict[str, str]) -> None:
    after = retry_after({name: hostile.latin(value) for name, value in head.items()})
    assert after is None or 0 <= after < float("inf")


_JSON = hostile.VALUES
_OIDS = st.sampled_from(["a" * 40, "b" * 64, "A" * 40, "", "../../etc", None, 7])
_SIZES = st.sampled_from([0, 1, 2**31, 2**62, 2**63, 10**30, -1, 1.5, True, None, "7"])
_ENTRIES = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["file", "file", "directory", None]),
            "path": st.one_of(hostile.TEXTS, _JSON),
        },
        optional={
            "size": _SIZES,
            "oid": _OIDS,
            "lfs": st.one_of(st.fixed_dictionaries({}, optional={"size": _SIZES, "oid": _OIDS}), _JSON),
        },
    ),
    st.builds(
        lambda path, size: {"type": "file", "path": path, "size": size, "oid": "d" * 40},
        hostile.TEXTS,
        _SIZES,
    ),
    _JSON,
)
_INFO_NAMES = [
    "baseModels",
    "cardData",
    "config",
    "downloads",
    "gated",
    "gguf",
    "lastModified",
    "library_name",
    "likes",
    "pipeline_tag",
    "private",
    "safetensors",
    "tags",
    "siblings",
]
_INNER = st.dictionaries(
    st.sampled_from(
        [
            "license",
            "base_model",
            "architectures",
            "model_type",
            "total",
            "context_length",
            "id",
            "models",
            "summary",
        ]
    ),
    _JSON,
    max_size=3,
)
_INFOS = st.dictionaries(st.sampled_from(_INFO_NAMES), st.one_of(_JSON, _INNER), max_size=5)
_TOLD = st.one_of(st.lists(_ENTRIES, max_size=4).map(json.dumps), _JSON.map(json.dumps), hostile.BODIES)


def _hub(info: Any, listed: Any, head: dict[str, str], status: int, monkeypatch: pytest.MonkeyPatch) -> Hub:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if "/tree/" not in request.url.path:
            return httpx2.Response(200, content=json.dumps({"sha": COMMIT} | info))
        raw = [(name.encode(), value.encode("latin-1")) for name, value in head.items()]
        return httpx2.Response(status, content=listed, headers=raw)

    def client(_self: Hub) -> httpx2.Client:
        return httpx2.Client(transport=httpx2.MockTransport(answer), follow_redirects=True)

    monkeypatch.setattr(Hub, "_client", client)
    return Hub(HUB, TOKEN, False)


_LISTED_WITH = st.fixed_dictionaries(
    {},
    optional={
        "Link": st.one_of(
            st.sampled_from(['<http://[>; rel="next"', "<?cursor=x>; rel=next", ">;<"]), hostile.TEXTS
        ),
        "Location": _PLACES,
        "Retry-After": _WAITS,
        "RateLimit": _LIMITS,
        "X-Error-Code": hostile.TEXTS,
    },
).map(lambda told: {name: hostile.latin(value) for name, value in told.items()})


@fuzzed(short=300, long=5_000)
@given(
    info=_INFOS, listed=_TOLD, head=_LISTED_WITH, status=st.sampled_from([200, 200, 200, 302, 404, 429, 503])
)
def test_any_metadata_is_a_manifest_that_can_be_kept_or_a_refusal(
    info: Any, listed: Any, head: dict[str, str], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.hub.MOST_PAGES", 3)
    hub = _hub(info, listed, head, status, monkeypatch)
    with suppress(WeighbridgeError):
        _assert_keepable(freeze(hub, repo="owner/name", revision="main"))
    with suppress(WeighbridgeError):
        said = json.loads(json.dumps(hub.look("owner/name", "main")))
        look = read_look(said, repo="owner/name", revision="main")
        assert look.preview.likes is None or 0 <= look.preview.likes < 2**63
        facts = model_facts.from_hub(look.info, "owner/name")
        RepoPreviewSchema().dump(vars(look.preview) | {"variants": [], "dimensions": facts})
        for weights in (0, 1, look.preview.total_bytes or 0):
            assert memory.estimate(weights, facts).total_bytes >= weights


_HEADERS = st.one_of(
    hostile.BODIES,
    st.dictionaries(hostile.TEXTS, _JSON, max_size=4).map(json.dumps).map(str.encode),
    st.binary(max_size=80).map(lambda rest: b"GGUF\x03\0\0\0" + rest),
    st.binary(max_size=80).map(lambda rest: len(rest).to_bytes(8, "little") + rest),
)


@fuzzed(short=200, long=5_000)
@given(
    content=_HEADERS, head=HEADS, status=st.sampled_from([200, 200, 206, 206, 302, 401, 403, 404, 416, 503])
)
def test_any_answer_to_a_question_is_one_or_a_refusal(
    content: bytes, head: dict[str, str], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_request: httpx2.Request) -> httpx2.Response:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in head.items()]
        return httpx2.Response(status, stream=httpx2.ByteStream(content), headers=raw)

    def client(_self: Hub) -> httpx2.Client:
        return httpx2.Client(transport=httpx2.MockTransport(answer), follow_redirects=True)

    monkeypatch.setattr(Hub, "_client", client)
    hub = Hub(HUB, TOKEN, False)
    with suppress(WeighbridgeError):
        FoundRepoSchema(many=True).dump(read_found(hub.search("a", 10)))
    with suppress(WeighbridgeError):
        AccessSchema().dump(asdict(hub.access("owner/name")))
    with suppress(WeighbridgeError):
        assert len(hub.head("owner/name", COMMIT, "a.gguf", ROOM)) <= ROOM
    for path in (None, "a.gguf"):
        told = hub_facts.read(json.loads(json.dumps(hub_facts.fetch(hub, LOOK, path))))
        RepoPreviewSchema().dump({"dimensions": told.facts, "quantization": told.facts.quantization})
        memory.estimate(1, told.facts)


def _assert_keepable(manifest: Manifest) -> None:
    """Postgres and a file system take it."""
    for file in manifest.files:
        assert "\0" not in file.path
        file.path.encode()
    assert 0 <= manifest.total_bytes < 2**63
