"""A Hugging Face Hub on loopback that speaks the real protocol and misbehaves on demand.

In a test: `with HubServer() as hub: hub.add_repo("owner/name", {"config.json": b"{}"}); use(hub.url)`.
From a shell: `python tests/hub_server.py --port 9000 --repo owner/name=/path/to/folder`.
Two listeners make two origins, as in life: the Hub answers for names, the "CDN" hands out LFS bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import hashlib
import io
import json
import re
import secrets
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

Files = Mapping[str, bytes | Path] | Path
Lfs = Callable[[str], bool] | None
CHUNK = 1 << 20
LFS_SUFFIXES = (".safetensors", ".bin", ".gguf", ".pt", ".pth", ".onnx", ".h5", ".msgpack")
BODY_FAULTS = ("cut", "stall", "slow", "wrong_bytes", "wrong_length")
KINDS = (*BODY_FAULTS, "status", "hold", "range_ignored", "wrong_content_range", "wrong_etag")
PLACES = {"*": ("api", "resolve", "cdn"), "file": ("resolve", "cdn")}
# What the real Hub says at a gate, by how the caller's request for access stands.
GATE = {
    "anonymous": "Access to model %s is restricted. You must have access to it and be authenticated.",
    "": "Access to model %s is restricted and you are not in the authorized list.",
    "pending": "Your request to access model %s is awaiting a review from the repo authors.",
    "rejected": "Your request to access model %s has been rejected by the repo's authors.",
}
VERBS = ("revision", "refs", "tree", "paths-info", "auth-check")


@dataclasses.dataclass
class Fault:
    """One misbehaviour: what happens (`kind`), to whom (`where`, `method`, `path_glob`), how often (`times`).

    `where` is api, resolve, cdn, file (resolve or cdn) or *. `path_glob` is tried on the file's path and on
    repo/path, for the API on the URL's path. A fault that could not show in a response (a cut behind its end,
    a bad byte outside its range, a broken Content-Range without a Range) keeps its turn for a later one.
    """

    kind: str
    path_glob: str = "*"
    times: int | None = 1  # None: every time
    where: str = "file"
    method: str = "*"
    after_bytes: int = 0  # cut, stall: counted in this response's body; cut at -1: before the status line
    reset: bool = False  # cut: by RST, which may also swallow bytes that are still on their way
    seconds: float | None = None  # stall, hold: go on unreleased after this long
    bytes_per_second: float | None = None  # slow
    latency: float = 0  # slow: wait before the headers of a response with a body
    offset: int = 0  # wrong_bytes: position in the file
    delta: int = 1  # wrong_length, wrong_content_range: added to what the header says
    etag: str | None = None  # wrong_etag: sent as it is, quotes included; None: right form, wrong digits
    status: int = 503
    retry_after: int | str | None = None
    message: str = ""
    error_code: str = ""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)  # status: more headers
    fired: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}, one of {', '.join(KINDS)}")

    def aims_at(self, record: Record) -> bool:
        """Whether a turn is left and the request is one that this fault is for."""
        if self.times is not None and self.fired >= self.times:
            return False
        here = record.where in PLACES.get(self.where, (self.where,)) and self.method in ("*", record.method)
        return here and record.named(self.path_glob)


@dataclasses.dataclass
class Record:
    """One request as it came in and what went out; `bytes_sent` (body) grows while the answer is sent."""

    origin: str  # hub or cdn
    where: str  # api, resolve or cdn
    method: str
    path: str  # unquoted, without the query
    headers: dict[str, str]  # names in lower case
    client: int  # the peer's port: as many different ones as connections
    repo: str = ""
    revision: str = ""
    file: str = ""
    range: tuple[int, int] | None = None  # first and last byte asked for, even if the answer is a 200
    status: int = 0  # 0 until the status line is sent
    bytes_sent: int = 0

    def named(self, glob: str) -> bool:
        """Whether the file's path or repo/path, or for the API the URL's path, matches."""
        names = (self.file, f"{self.repo}/{self.file}") if self.file else (self.path,)
        return any(fnmatchcase(name, glob) for name in names)


class Refusal(Exception):
    """An error answer: status, message, the Hub's X-Error-Code, more headers."""

    def __init__(self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None):
        super().__init__(message)
        named = {"X-Error-Code": code} if code else {}
        escaped = ascii(message)[1:-1]  # a hostile name in it may not fit into a header
        self.status, self.headers = status, {"X-Error-Message": escaped, **named, **(headers or {})}


def _asked(name: str, query: Mapping[str, list[str]]) -> bool:
    return query.get(name, [""])[0].lower() in ("true", "1")


@functools.cache
def _file_hash(path: Path, size: int, mtime_ns: int, algorithm: str, prefix: bytes) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, prefix)).hexdigest()


def _hash(source: bytes | Path, algorithm: str, prefix: bytes = b"") -> str:
    if isinstance(source, bytes):
        return hashlib.new(algorithm, prefix + source).hexdigest()
    stat = source.stat()
    return _file_hash(source, stat.st_size, stat.st_mtime_ns, algorithm, prefix)


@dataclasses.dataclass(frozen=True)
class Blob:
    """One file's content; `oid` is git's, which for an LFS file (`sha256` is set) is that of its pointer."""

    source: bytes | Path
    size: int
    oid: str = ""
    sha256: str = ""

    @classmethod
    def of(cls, source: bytes | Path, lfs_from: int) -> Blob:
        """Hash the content; a file on disk is read in pieces, and its hash is kept until it changes."""
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if size < lfs_from:
            return cls(source, size, _hash(source, "sha1", b"blob %d\0" % size))
        blob = cls(source, size, sha256=_hash(source, "sha256"))
        oid = _hash(blob.pointer, "sha1", b"blob %d\0" % len(blob.pointer))
        return dataclasses.replace(blob, oid=oid)

    @property
    def pointer(self) -> bytes:
        """What git itself keeps of an LFS file."""
        lines = (
            "version https://git-lfs.github.com/spec/v1",
            f"oid sha256:{self.sha256}",
            f"size {self.size}\n",
        )
        return "\n".join(lines).encode()

    def facts(self, oid_name: str, sha256_name: str) -> dict:
        """Size and hashes; model info and tree have different names for them."""
        lfs = {sha256_name: self.sha256, "size": self.size, "pointerSize": len(self.pointer)}
        return {"size": self.size, oid_name: self.oid, **({"lfs": lfs} if self.sha256 else {})}


@dataclasses.dataclass
class Repo:
    """A model repository: commits by hash, refs by full name, and what its page says (`info`)."""

    id: str
    gated: bool | str = False
    private: bool = False
    info: dict = dataclasses.field(default_factory=dict)
    refs: dict[str, str] = dataclasses.field(default_factory=dict)
    commits: dict[str, dict[str, Blob]] = dataclasses.field(default_factory=dict)

    def resolve(self, revision: str) -> str:
        """The commit that a branch, tag, full ref or full hash means."""
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if name in self.refs:
                return self.refs[name]
        if revision in self.commits:
            return revision
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def date(self, commit: str) -> str:
        """When the commit was made: a minute after the one before, so that two runs tell the same."""
        minutes = timedelta(minutes=list(self.commits).index(commit))
        return (datetime(2026, 1, 1, tzinfo=UTC) + minutes).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def describe(self, commit: str, query: Mapping[str, list[str]]) -> dict:
        """The model info: everything, or with `expand` only what it names."""
        files, blobs = self.commits[commit], _asked("blobs", query)
        siblings = [
            {"rfilename": p} | (b.facts("blobId", "sha256") if blobs else {}) for p, b in files.items()
        ]
        facts = {"_id": _hash(self.id.encode(), "md5")[:24], "id": self.id, "modelId": self.id, "sha": commit}
        facts |= {"author": self.id.split("/")[0], "private": self.private, "disabled": False, "tags": []}
        facts |= {"gated": "auto" if self.gated is True else self.gated, "downloads": 0, "likes": 0}
        facts |= {"createdAt": self.date(next(iter(self.commits))), "lastModified": self.date(commit)}
        facts |= {"siblings": siblings, "usedStorage": sum(blob.size for blob in files.values()), **self.info}
        wanted = query.get("expand", []) + query.get("expand[]", [])
        return {name: facts[name] for name in ("_id", "id", *wanted) if name in facts} if wanted else facts

    def entries(self, commit: str, expand: bool) -> dict[str, dict]:
        """Each file and folder of a commit as the tree endpoint shows it, by path and in its order."""
        extra = {"lastCommit": {"id": commit, "title": "Upload", "date": self.date(commit)}} if expand else {}
        found: dict[str, dict] = {}
        for path, blob in self.commits[commit].items():
            for parent in map(str, list(Path(path).parents)[:-1]):
                oid = _hash(f"{commit}/{parent}".encode(), "sha1")
                found[parent] = {"type": "directory", "path": parent, "oid": oid, "size": 0, **extra}
            found[path] = {"type": "file", "path": path, **blob.facts("oid", "oid"), **extra}
        return dict(sorted(found.items()))

    def list_refs(self, pull_requests: bool) -> dict:
        """The refs endpoint's answer."""
        kinds = {"heads": "branches", "tags": "tags", "convert": "converts", "pr": "pullRequests"}
        found: dict[str, list[dict]] = {kind: [] for kind in kinds.values()}
        for ref, commit in self.refs.items():
            _, kind, name = ref.split("/", 2)
            found[kinds[kind]].append({"name": name, "ref": ref, "targetCommit": commit})
        return found if pull_requests else {kind: found[kind] for kind in found if kind != "pullRequests"}


@dataclasses.dataclass
class Signed:
    """A signed CDN address that was handed out, and how it has been used."""

    repo: str
    file: str
    blob: Blob
    issued: float
    uses: int = 0


class HubServer:
    """The Hub: repositories, tokens, faults and the record of what was asked; a context manager."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, cdn_port: int = 0) -> None:
        self.throttle: float | None = None  # bytes per second for each connection
        self.latency: float = 0  # seconds before each answer
        self.page_size = 1000  # of the tree and of the list of models
        self.url_seconds: float | None = None  # how long a signed URL lives
        self.url_uses: int | None = None  # and how many GETs
        self.missing_status = 404  # 401: answer the anonymous as the real Hub does
        self.opaque_cdn_etags = False  # True: the CDN's ETag is not the sha256, as on some real ones
        self.resolve_cache = False  # True: small files answer 307 to a relative Location, as hf.co does
        self.repos: dict[str, Repo] = {}
        self.tokens: dict[str, list[str]] = {}
        self.asked_for: dict[tuple[str, str], str] = {}  # token and gated repository -> pending or rejected
        self.faults: list[Fault] = []
        self.requests: list[Record] = []
        self.signed: dict[str, Signed] = {}
        self.closing = threading.Event()
        self._gate, self._lock = threading.Event(), threading.Lock()
        self._listeners = [_Listener(self, "hub", host, port), _Listener(self, "cdn", host, cdn_port)]
        self.url, self.cdn_url = (f"http://{host}:{each.server_address[1]}" for each in self._listeners)

    def __enter__(self) -> HubServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_repo(
        self,
        repo_id: str,
        files: Files,
        revision: str = "main",
        *,
        lfs: Lfs = None,
        lfs_threshold=10 << 20,
        **facts,
    ) -> str:
        """Commit all files (or a folder's) to a branch or full ref and return the commit's hash.

        A file is LFS if `lfs(path)` says so; without that, by its suffix or from `lfs_threshold` bytes on.
        The other keywords are `Repo`'s: gated (bool, "auto" or "manual"), private, info; unnamed ones stay.
        """
        if isinstance(files, Path):
            files = {p.relative_to(files).as_posix(): p for p in files.rglob("*") if p.is_file()}
        blobs = {}
        for path, source in sorted(files.items()):
            by_name = lfs(path) if lfs else path.endswith(LFS_SUFFIXES)
            blobs[path] = Blob.of(source, 0 if by_name else sys.maxsize if lfs else lfs_threshold)
        commit = _hash("\n".join(f"{path}\0{blob.oid}" for path, blob in blobs.items()).encode(), "sha1")
        with self._lock:
            repo = self.repos.get(repo_id, Repo(repo_id))
            refs = repo.refs | {
                revision if revision.startswith("refs/") else f"refs/heads/{revision}": commit
            }
            commits = repo.commits if commit in repo.commits else {**repo.commits, commit: blobs}
            # A new object in one step: a request that is being answered keeps the state that it began with.
            self.repos[repo_id] = dataclasses.replace(repo, refs=refs, commits=commits, **facts)
        return commit

    def add_tag(self, repo_id: str, tag: str, revision: str = "main") -> None:
        """Name a commit."""
        repo = self.repos[repo_id]
        repo.refs = {**repo.refs, f"refs/tags/{tag}": repo.resolve(revision)}

    def add_token(self, token: str, *grants: str) -> None:
        """Make a token valid; `grants` are globs of the gated and private repositories that it may read."""
        self.tokens[token] = list(grants)

    def fault(self, kind: str | Fault, path_glob: str = "*", **fields) -> Fault:
        """Arm a fault; its `fired` tells later how often it struck."""
        fault = kind if isinstance(kind, Fault) else Fault(kind, path_glob, **fields)
        with self._lock:
            self.faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        """Disarm all faults; what waits already goes on waiting until `release`."""
        with self._lock:
            self.faults.clear()

    def release(self) -> None:
        """Let every answer go on that a stall or a hold keeps waiting now."""
        gate, self._gate = self._gate, threading.Event()
        gate.set()

    def reset(self) -> None:
        """Forget faults and requests and release what waits; repositories, tokens and settings stay."""
        self.clear_faults()
        self.requests = []
        self.release()

    def expire_urls(self) -> None:
        """End the life of every signed URL handed out so far."""
        self.signed = {}

    def bytes_served(self, path_glob: str = "*") -> int:
        """Body bytes of files sent so far, by either origin, for each path or repo/path that matches."""
        good = [record for record in self.requests if record.file and record.status < 300]
        return sum(record.bytes_sent for record in good if record.named(path_glob))

    @property
    def authorization_at_cdn(self) -> bool:
        """Whether a token ever reached the other origin."""
        return any(r.origin == "cdn" and "authorization" in r.headers for r in self.requests)

    def stats(self) -> dict:
        """What `GET /_control/stats` tells."""
        stats = {"url": self.url, "cdn_url": self.cdn_url, "authorization_at_cdn": self.authorization_at_cdn}
        stats |= {name: [vars(each) for each in getattr(self, name)] for name in ("requests", "faults")}
        names = {f"{r.repo}/{r.file}" for r in self.requests if r.file}
        return stats | {"bytes_served": {name: self.bytes_served(name) for name in sorted(names)}}

    def take(self, kind: str, record: Record, fits: Callable[[Fault], bool] = lambda _: True) -> Fault | None:
        """Use up a turn of the first armed fault of this kind that is for this request."""
        with self._lock:
            for fault in self.faults:
                if fault.kind == kind and fault.aims_at(record) and fits(fault):
                    fault.fired += 1
                    return fault
        return None

    def wait_for_release(self, seconds: float | None) -> None:
        """Wait until `release`, `close` or the time is over."""
        gate = self._gate
        if not self.closing.is_set():
            gate.wait(seconds)

    def sign(self, repo: str, file: str, blob: Blob) -> str:
        """A CDN address for the blob."""
        signature = secrets.token_hex(16)
        self.signed[signature] = Signed(repo, file, blob, time.monotonic())
        return f"{self.cdn_url}/blob/{blob.sha256}?X-Signature={signature}"

    def redeem(self, signed: Signed) -> bool:
        """Use a signed address; False once it has expired."""
        with self._lock:
            signed.uses += 1
        late = self.url_seconds is not None and time.monotonic() - signed.issued > self.url_seconds
        return not late and (self.url_uses is None or signed.uses <= self.url_uses)

    def close(self) -> None:
        """Free stalled answers, close both listeners and every connection, wait for the threads."""
        self.closing.set()
        self.release()
        for listener in self._listeners:
            listener.stop()


class _Listener(ThreadingHTTPServer):
    request_queue_size = 1024

    def __init__(self, hub: HubServer, origin: str, host: str, port: int) -> None:
        self.hub, self.origin = hub, origin
        self.live: dict[threading.Thread, socket.socket] = {}
        super().__init__((host, port), _Handler)
        self.loop = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.loop.start()

    def server_bind(self) -> None:
        # HTTPServer's own would look the host's name up, which can leave loopback.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request, client_address) -> None:
        serve, args = self.process_request_thread, (request, client_address)
        thread = threading.Thread(target=serve, args=args, daemon=True)
        self.live = {each: sock for each, sock in self.live.items() if each.is_alive()}
        self.live[thread] = request
        thread.start()

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that goes away is what the tests are about
            super().handle_error(request, client_address)

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for sock in self.live.values():
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in (self.loop, *self.live):
            thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Requests are kept as records instead."""

    def _serve(self) -> None:
        self.hub, url, origin = self.server.hub, urlsplit(self.path), self.server.origin
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts, query = [unquote(part) for part in url.path.split("/")[1:]], parse_qs(url.query)
        where = {"api": "api", "_control": "control"}.get(parts[0], "resolve") if origin == "hub" else "cdn"
        where = "resolve" if parts[:2] == ["api", "resolve-cache"] else where
        headers = {name.lower(): value for name, value in self.headers.items()}
        port = self.client_address[1]
        self.record = Record(origin, where, self.command, unquote(url.path), headers, port)
        try:
            if where == "control":
                return self._json(self._control(parts[1:], body))
            self.hub.requests.append(self.record)
            serve = {"api": self._api, "resolve": self._resolve, "cdn": self._cdn}[where]
            self._locate(parts, query)
            self._misbehave()
            serve(parts, query, body)
        except Refusal as refusal:
            self._json({"error": str(refusal)}, refusal.status, refusal.headers)
        except OSError:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = _serve

    def _control(self, parts: list[str], body: bytes) -> dict:
        try:
            fields = json.loads(body or b"{}")
            match parts:
                case ["stats"]:
                    pass
                case ["fault"]:
                    self.hub.fault(**fields)
                case ["release" | "reset" | "clear_faults" | "expire_urls" as name]:
                    getattr(self.hub, name)()
                case ["settings"] if fields.keys() <= vars(self.hub).keys():
                    vars(self.hub).update(fields)
                case ["repo"]:
                    self.hub.add_repo(**fields | {"files": Path(fields["files"])})
                case _:
                    raise ValueError(f"no such control: {parts} {fields}")
        except (TypeError, ValueError, KeyError) as error:
            raise Refusal(400, str(error)) from error
        return self.hub.stats()

    def _locate(self, parts: list[str], query: dict) -> None:
        """Say which file of which repository the request is for, so that faults can aim at it."""
        record, self.signed = self.record, self.hub.signed.get(query.get("X-Signature", [""])[0])
        if record.where == "cdn" and self.signed:
            record.repo, record.file = self.signed.repo, self.signed.file
        if parts[1:2] == ["resolve-cache"]:
            parts = parts[3:]
            parts.insert(2 if "/".join(parts[:2]) in self.hub.repos else 1, "resolve")
        if record.where == "resolve" and "resolve" in parts[1:3]:
            at = parts.index("resolve", 1)
            record.repo, rest = "/".join(parts[:at]), parts[at + 1 :]
            record.revision, record.file = self._split_revision(rest)

    @staticmethod
    def _split_revision(parts: list[str]) -> tuple[str, str]:
        width = 3 if parts[:1] == ["refs"] else 1  # refs/pr/1 may come unquoted
        return "/".join(parts[:width]), "/".join(parts[width:])

    def _misbehave(self) -> None:
        self.hub.closing.wait(self.hub.latency)
        if hold := self.hub.take("hold", self.record):
            self.hub.wait_for_release(hold.seconds)
        if fault := self.hub.take("status", self.record):
            wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            message = fault.message or self.responses.get(fault.status, ("Error",))[0]
            raise Refusal(fault.status, message, fault.error_code, {**wait, **fault.headers})

    def _token(self) -> str:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.hub.tokens:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return token

    def _repo(self, repo_id: str, content: bool) -> Repo:
        """The repository if the caller may see it; a gated one shows its names to all, its content to few."""
        token, repo = self._token(), self.hub.repos.get(repo_id)
        granted = token and any(fnmatchcase(repo_id, glob) for glob in self.hub.tokens[token])
        if repo is None or (repo.private and not granted):
            raise Refusal(404 if token else self.hub.missing_status, "Repository not found", "RepoNotFound")
        if content and repo.gated and not granted:
            asked = self.hub.asked_for.get((token, repo_id), "")
            raise Refusal(403 if token else 401, GATE[asked if token else "anonymous"] % repo_id, "GatedRepo")
        return repo

    def _api(self, parts: list[str], query: dict, body: bytes) -> None:
        rest = parts[2:]
        if parts[1:] == ["whoami-v2"]:
            if not self._token():
                raise Refusal(401, "Invalid username or password.")
            return self._json({"type": "user", "id": "0", "name": "tester", "orgs": [], "auth": {}})
        if parts[1:2] != ["models"]:
            raise Refusal(404, "Sorry, we can't find the page you are looking for.")
        if not rest:
            return self._list_models(query)
        width = 1 if len(rest) < 2 or rest[1] in VERBS else 2
        verb, args = (rest[width:] or ["revision"])[0], rest[width + 1 :]
        repo = self._repo("/".join(rest[:width]), content=verb == "auth-check")
        if verb in ("auth-check", "refs"):
            return self._json({} if verb == "auth-check" else repo.list_refs("include_prs" in query))
        revision, folder = self._split_revision(args)
        commit = repo.resolve(revision or "main")
        if verb == "revision":
            return self._json(repo.describe(commit, query))
        if verb == "paths-info":
            form = json.loads(body) if body[:1] == b"{" else parse_qs(body.decode())
            entries = repo.entries(commit, expand=form.get("expand") in (True, ["true"], ["True"]))
            return self._json([entries[path] for path in form.get("paths", []) if path in entries])
        if verb != "tree":
            raise Refusal(404, "Sorry, we can't find the page you are looking for.")
        return self._tree(repo, commit, folder, query)

    def _tree(self, repo: Repo, commit: str, folder: str, query: dict) -> None:
        recursive, expand = _asked("recursive", query), _asked("expand", query)
        entries, prefix = repo.entries(commit, expand), f"{folder}/" if folder else ""
        if folder and entries.get(folder, {}).get("type") != "directory":
            raise Refusal(404, f"{folder} does not exist on {commit}", "EntryNotFound")
        inside = [entry for path, entry in entries.items() if path.startswith(prefix)]
        found = [e for e in inside if recursive or "/" not in e["path"][len(prefix) :]]
        self._page(found, query, min(self.hub.page_size, 50) if expand else self.hub.page_size)

    def _list_models(self, query: dict) -> None:
        self._token()
        search, author = query.get("search", [""])[0].lower(), "".join(query.get("author", [])[:1])
        main = [
            repo for repo in self.hub.repos.values() if "refs/heads/main" in repo.refs and not repo.private
        ]
        found = [repo for repo in main if search in repo.id.lower() and repo.id.startswith(author)]
        if query.get("sort") == ["downloads"]:
            found.sort(key=lambda repo: -repo.info.get("downloads", 0))
        self._page([repo.describe(repo.resolve("main"), query) for repo in found], query, self.hub.page_size)

    def _page(self, items: list[dict], query: dict, most: int) -> None:
        limit, start = min(int(query.get("limit", [most])[0]), most), int(query.get("cursor", ["0"])[0])
        more = urlencode({**query, "cursor": [start + limit]}, doseq=True)
        link = {"Link": f'<{self.hub.url}{urlsplit(self.path).path}?{more}>; rel="next"'}
        self._json(items[start : start + limit], 200, link if start + limit < len(items) else {})

    def _resolve(self, parts: list[str], query: dict, body: bytes) -> None:
        record = self.record
        repo = self._repo(record.repo, content=True)
        commit = repo.resolve(record.revision)
        blob, pin = repo.commits[commit].get(record.file), {"X-Repo-Commit": commit}
        if blob is None:
            raise Refusal(404, "Entry not found", "EntryNotFound", pin)
        etag = self._etag(blob.sha256 or blob.oid)
        linked = {**pin, "ETag": etag, "X-Linked-Etag": etag, "X-Linked-Size": str(blob.size)}
        if blob.sha256:
            return self._answer(302, {**linked, "Location": self.hub.sign(record.repo, record.file, blob)})
        if self.hub.resolve_cache and parts[0] != "api":
            cached = f"/api/resolve-cache/models/{record.repo}/{commit}/{quote(record.file)}"
            return self._answer(307, {**linked, "Location": cached})
        return self._file(blob, etag, pin)

    def _cdn(self, parts: list[str], query: dict, body: bytes) -> None:
        if not self.signed or not self.hub.redeem(self.signed):
            raise Refusal(403, "Request has expired")
        blob = self.signed.blob
        digest = _hash(blob.oid.encode(), "md5") if self.hub.opaque_cdn_etags else blob.sha256
        self._file(blob, self._etag(digest), {})

    def _etag(self, digest: str) -> str:
        fault = self.hub.take("wrong_etag", self.record)
        if not fault:
            return f'"{digest}"'
        return f'"{digest[::-1]}"' if fault.etag is None else fault.etag

    def _file(self, blob: Blob, etag: str, headers: dict[str, str]) -> None:
        span = self._span(blob.size, etag)
        start, end = span or (0, blob.size)
        headers = {
            "ETag": etag,
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
            **headers,
        }
        if span:
            fault = self.hub.take("wrong_content_range", self.record)
            shift = fault.delta if fault else 0
            headers["Content-Range"] = f"bytes {start + shift}-{end - 1 + shift}/{blob.size}"
        self._answer(206 if span else 200, headers, blob, start, end)

    def _span(self, size: int, etag: str) -> tuple[int, int] | None:
        """The half-open range to serve; None for the whole file, also if the form or If-Range says so."""
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if not asked or asked.group() == "bytes=-":
            return None
        first, last = asked.groups()
        if first and last and int(last) < int(first):
            return None  # RFC 9110: not a range at all
        start = int(first) if first else max(size - int(last), 0)
        end = min(int(last) + 1, size) if first and last else size
        self.record.range = (start, end - 1)
        if self.headers.get("If-Range", etag) != etag or self.hub.take("range_ignored", self.record):
            return None
        if start >= end:
            raise Refusal(416, "Range Not Satisfiable", headers={"Content-Range": f"bytes */{size}"})
        return start, end

    def _json(self, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        payload = json.dumps(value).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        self._answer(status, headers, Blob(payload, len(payload)), 0, len(payload))

    def _answer(
        self, status: int, headers: Mapping[str, str], blob: Blob = Blob(b"", 0), start: int = 0, end: int = 0
    ) -> None:
        """Send headers and body, with every fault that a body can have."""
        live = self.command != "HEAD" and end > start
        faults = self._body_faults(start, end) if live and status < 300 else {}
        if "slow" in faults:
            self.hub.closing.wait(faults["slow"].latency)
        if "cut" in faults and faults["cut"].after_bytes < 0:
            self._drop(faults["cut"])
            return
        self.record.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        lie = faults["wrong_length"].delta if "wrong_length" in faults else 0
        self.send_header("Content-Length", str(max(end - start + lie, 0)))
        self.end_headers()
        if live:
            self._pour(blob, start, end, faults)
        self.close_connection = self.close_connection or lie != 0

    def _body_faults(self, start: int, end: int) -> dict[str, Fault]:
        def shows(fault: Fault) -> bool:
            within = fault.after_bytes < end - start
            return start <= fault.offset < end if fault.kind == "wrong_bytes" else within

        found = {kind: self.hub.take(kind, self.record, shows) for kind in BODY_FAULTS}
        return {kind: fault for kind, fault in found.items() if fault}

    def _pour(self, blob: Blob, start: int, end: int, faults: dict[str, Fault]) -> None:
        """Send the body: as fast as it goes, or paced, up to where a fault interrupts it."""
        slow, flip = faults.get("slow"), faults.get("wrong_bytes")
        rate = slow.bytes_per_second if slow else self.hub.throttle
        stops = {kind: start + faults[kind].after_bytes for kind in ("stall", "cut") if kind in faults}
        step = min(CHUNK, max(1, int(rate / 20))) if rate else CHUNK
        position, began = start, time.monotonic()
        with io.BytesIO(blob.source) if isinstance(blob.source, bytes) else blob.source.open("rb") as stream:
            while position < end:
                if stops.get("stall") == position:
                    self.hub.wait_for_release(faults["stall"].seconds)
                    del stops["stall"]
                if stops.get("cut") == position:
                    self._drop(faults["cut"])
                    break
                upto = min(end, position + step, *stops.values())
                self.record.bytes_sent = upto - start  # first, so that who has the bytes finds them counted
                try:
                    position += self._push(stream, position, upto - position, flip.offset if flip else -1)
                finally:
                    self.record.bytes_sent = position - start
                if rate:
                    self.hub.closing.wait(max(0, began + (position - start) / rate - time.monotonic()))

    def _push(self, stream: io.BufferedIOBase, position: int, count: int, flip_at: int) -> int:
        if not isinstance(stream, io.BytesIO) and flip_at < 0:
            sent = self.connection.sendfile(stream, position, count)  # the kernel copies: no Python per byte
        else:
            stream.seek(position)
            piece = bytearray(stream.read(count))
            if position <= flip_at < position + len(piece):
                piece[flip_at - position] ^= 1
            self.connection.sendall(piece)
            sent = len(piece)
        if not sent:
            raise OSError("the file has become shorter")
        return sent

    def _drop(self, cut: Fault) -> None:
        """Close in mid-answer; with `reset` so that the peer sees an RST and not an end."""
        self.close_connection = True
        if cut.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()  # it holds the socket open
            self.connection.close()


def main() -> None:
    """Serve folders until Ctrl-C."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    for name, default in (("port", 0), ("cdn-port", 0), ("page-size", 1000), ("missing-status", 404)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name in ("throttle", "latency-ms", "url-seconds"):
        parser.add_argument(
            f"--{name}", type=float, help={"throttle": "bytes per second a connection"}.get(name)
        )
    forms = {"repo": "OWNER/NAME[@REVISION]=FOLDER", "token": "TOKEN[=GLOB,GLOB]"}
    for name in ("repo", "token", "gated", "private"):
        metavar = forms.get(name, "OWNER/NAME")
        parser.add_argument(f"--{name}", action="append", default=[], metavar=metavar)
    options = parser.parse_args()
    with HubServer(options.host, options.port, options.cdn_port) as hub:
        hub.throttle, hub.latency = options.throttle, (options.latency_ms or 0) / 1000
        hub.page_size, hub.missing_status = options.page_size, options.missing_status
        hub.url_seconds = options.url_seconds
        for item in options.repo:
            name, _, folder = item.partition("=")
            repo_id, _, revision = name.partition("@")
            flags = {"gated": repo_id in options.gated, "private": repo_id in options.private}
            hub.add_repo(repo_id, Path(folder), revision or "main", **flags)
        for item in options.token:
            token, _, grants = item.partition("=")
            hub.add_token(token, *filter(None, grants.split(",")))
        print(hub.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
